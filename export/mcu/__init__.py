"""Generated C on microcontrollers: cross builds, an emulated board that runs them, and what they need there."""
