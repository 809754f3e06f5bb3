"""A human body that sits, stands up, walks, turns and sits down."""
