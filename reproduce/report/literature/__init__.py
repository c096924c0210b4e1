"""Published error rates from 2010 to today, and the published forms of AlexNet, as sourced tables."""
