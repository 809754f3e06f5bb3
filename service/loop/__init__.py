"""The closed loop: what a model does about drift by itself. Pure decisions, and the task that has them carried out."""
