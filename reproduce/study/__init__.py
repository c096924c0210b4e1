"""The questions: studies, their variants and runs by name, designs, and the claims under test."""
