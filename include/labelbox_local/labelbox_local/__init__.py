"""A local server that answers the Labelbox SDK over HTTP, for development and CI."""
