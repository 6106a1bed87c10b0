"""The window to look through: pages that show what the server keeps. They read, and change nothing."""
