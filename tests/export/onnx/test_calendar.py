"""The calendar of an ONNX graph has the days of pandas."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_ple.encoding.dates import PARTS, read_part
from sklearn_ple.export.onnx.calendar import GraphNumber, find_offset, split_seconds
from sklearn_ple.export.onnx.nodes import Nodes

# From year 1 to 9999, and some seconds around the turns of days and years, and leap days.
FIRST, LAST = -62_135_596_800, 253_402_300_799
TURNS = [
    f"{year}-{day}" for year in (1600, 1900, 1969, 2000, 2024, 2100) for day in ("01-01", "03-01")
]
TURNS = np.array(TURNS, dtype="datetime64[s]").astype(int)
TURNS = [int(turn) + step for turn in TURNS for step in (-86_400, -1, 0, 86_399)]
SECONDS = st.lists(st.none() | st.sampled_from(TURNS) | st.integers(FIRST, LAST), min_size=1)
ZONES = {None: 0, "UTC": 0, "UTC+05:30": 19_800, "Etc/GMT+5": -18_000}


@pytest.fixture(scope="module")
def calendar():
    """A session of ONNX Runtime that computes the parts of dates, by the offset of their zone."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    helper, sessions = onnx.helper, {}
    for offset in set(ZONES.values()):
        nodes = Nodes(["x"])
        found = split_seconds(GraphNumber("x", nodes), offset)
        for part in PARTS:
            nodes.add("Identity", [found[part].value], part)
        given, *outputs = [
            helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, ["n", 1])
            for name in ("x", *PARTS)
        ]
        graph = helper.make_graph(nodes.nodes, "dates", [given], outputs, nodes.constants)
        opsets = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        sessions[offset] = runtime.InferenceSession(model.SerializeToString())
    return sessions


def make_dates(seconds, zone):
    dates = pd.Series(np.array([0 if s is None else s for s in seconds], "datetime64[s]"))
    dates = dates.mask([s is None for s in seconds])
    return dates if zone is None else dates.dt.tz_localize("UTC").dt.tz_convert(zone)


@given(seconds=SECONDS, zone=st.sampled_from(list(ZONES)))
def test_parts_of_dates_are_those_of_pandas(calendar, seconds, zone):
    dates = make_dates(seconds, zone)
    read = read_part(dates, "total_seconds")
    in_graph = calendar[ZONES[zone]].run(PARTS, {"x": read[:, np.newaxis]})
    in_numpy = split_seconds(read, find_offset(zone))
    for part, found in zip(PARTS, in_graph, strict=True):
        expected = read_part(dates, part)
        np.testing.assert_array_equal(found[:, 0], expected, err_msg=part)
        np.testing.assert_array_equal(in_numpy[part], expected, err_msg=part)


@given(st.integers(-(2**52), 2**52))
def test_fractions_of_a_second_belong_to_the_second_before(microseconds):
    dates = pd.Series(np.array([microseconds], "datetime64[us]"))
    found = split_seconds(read_part(dates, "total_seconds"), 0)
    for part in PARTS:
        assert found[part] == read_part(dates, part), part


@pytest.mark.parametrize("zone", [*ZONES, "Europe/Berlin", "Asia/Tokyo", "no zone"])
def test_only_offsets_that_never_change_are_known(zone):
    assert find_offset(zone) == ZONES.get(zone)


def test_equal_nodes_are_added_once():
    pytest.importorskip("onnx")
    nodes = Nodes(["x", "y"])
    first = split_seconds(GraphNumber("x", nodes), 0)
    counts = len(nodes.nodes), len(nodes.constants)
    again = split_seconds(GraphNumber("x", nodes), 0)
    assert (len(nodes.nodes), len(nodes.constants)) == counts
    assert [part.value for part in again.values()] == [part.value for part in first.values()]
    split_seconds(GraphNumber("y", nodes), 0)
    assert (len(nodes.nodes), len(nodes.constants)) == (2 * counts[0], counts[1])
