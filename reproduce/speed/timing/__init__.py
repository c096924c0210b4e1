"""What training costs: timings of every network on every device present, and what follows from them and from 2012's."""
