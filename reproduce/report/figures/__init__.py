"""Drawing functions by kind of figure: table in, figure out."""
