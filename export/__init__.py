"""From a model to files that devices run: float and int8 ONNX, each proven equal before it is written; the bundle."""
