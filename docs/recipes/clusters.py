"""Predictions of data frames of Dask and Spark, part by part."""


def predict_dask(model, X):
    """Predict a frame of Dask; the first row shows what is returned."""
    # Without it, Dask would call the model with a row that it makes up.
    return X.map_partitions(model.predict, meta=model.predict(X.head(1)))


def predict_spark(model, X):
    """Predict a frame of Spark; the first row shows what is returned."""
    first = model.predict(X.limit(1).toPandas())
    schema = X.sparkSession.createDataFrame(first).schema
    return X.mapInPandas(lambda parts: map(model.predict, parts), schema)
