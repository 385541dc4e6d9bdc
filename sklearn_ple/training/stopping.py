"""When the validation loss no longer decreases enough for training to go on."""

from typing import Any

# Least number of steps without a decrease, and the least share of the steps so far.
_STEPS, _SHARE = 75, 0.25
# From so many steps on, the loss must decrease by a share of itself, within these shares of the
# training loss of the first epoch: where classes have much noise, most of the loss cannot be
# learnt, and where there is none, some can always be learnt, of an error that matters to nobody.
_MANY_STEPS, _OF_LOSS, _OF_BEGIN = 800, 0.04, (0.001, 0.01)


class Patience:
    """Waits for the validation loss to decrease.

    By default it waits for 75 steps, or for a quarter of the steps so far if these are more. After
    800 steps a decrease counts only from 4 % of the loss on, but at least from .1 % and at most
    from 1 % of the training loss of the first epoch: a quarter more time must gain at least this.

    Parameters
    ----------
    n_epochs : int or None
        Number of epochs to wait; None for the rule above.
    """

    def __init__(self, n_epochs: int | None = None):
        self.n_epochs = n_epochs
        self.loss, self.step, self.n_since = float("inf"), 0, 0

    def is_over(self, loss: float, begin: float, step: int) -> bool:
        """Note the loss of one more epoch; return whether to wait no longer.

        Parameters
        ----------
        loss : float
            The validation loss after the epoch.
        begin : float
            The training loss of the first epoch.
        step : int
            Number of steps so far.
        """
        gain = 0.0
        if self.n_epochs is None and step > _MANY_STEPS:
            least, most = (share * abs(begin) for share in _OF_BEGIN)
            gain = min(max(_OF_LOSS * abs(self.loss), least), most)
        if self.step == 0 or loss < self.loss - gain:
            self.loss, self.step, self.n_since = loss, step, 0
            return False
        self.n_since += 1
        if self.n_epochs is not None:
            return self.n_since >= self.n_epochs
        return step - self.step >= max(_STEPS, _SHARE * step)

    def state_dict(self) -> dict[str, Any]:
        """Return the loss that is to be improved, and since when."""
        return {"loss": self.loss, "step": self.step, "n_since": self.n_since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        vars(self).update(state)
