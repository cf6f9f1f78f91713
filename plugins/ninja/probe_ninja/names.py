"""What the adapter calls things: few and plain, as every recording imports them."""

COMMANDS: tuple[str, ...] = ("ninja", "ninja-build", "samu")
LEFT = "declarations/ninja/command.json"  # how the recorded command calls ninja, where it does
