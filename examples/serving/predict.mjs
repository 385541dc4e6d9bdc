/**
 * Predict rows with the files that sklearn_ple.export.to_onnx has written.
 *
 * @param ort      onnxruntime-web in a browser, onnxruntime-node on a server
 * @param session  an ort.InferenceSession of model.onnx
 * @param model    the content of model.json
 * @param rows     objects with a cell for each column; null, or none, is a missing one. A date is
 *                 text as in ISO 8601, in UTC unless it names another offset, or seconds since 1970
 * @returns        an object for each row: the label of each task and, for classes, probabilities
 */
export async function predict(ort, session, model, rows) {
  const shape = [rows.length, 1];
  const inputs = {};
  for (const { name, kind } of model.columns) {
    let cells = rows.map((row) => row[name] ?? null);
    if (kind === "date") cells = cells.map(seconds);
    inputs[name] =
      kind === "text"
        ? new ort.Tensor("string", cells.map((cell) => String(cell ?? "")), shape)
        : new ort.Tensor("float64", cells.map((cell) => Number(cell ?? NaN)), shape);
  }
  const outputs = await session.run(inputs);

  function answer(task, place) {
    const { type, data } = outputs[task.label];
    const label = type === "bool" ? Boolean(data[place]) : data[place];
    if (!task.classes) return { label };
    const shares = outputs[task.probabilities].data;
    const start = place * task.classes.length;
    const pairs = task.classes.map((name, k) => [name, shares[start + k]]);
    return { label, probabilities: Object.fromEntries(pairs) };
  }

  return rows.map((_, place) =>
    Object.fromEntries(model.tasks.map((task) => [task.name, answer(task, place)])),
  );
}

function seconds(cell) {
  if (typeof cell !== "string") return cell;
  // JavaScript would read a time without an offset as one of its own time zone.
  return Date.parse(/T[^Z+-]*$/.test(cell) ? `${cell}Z` : cell) / 1000;
}
