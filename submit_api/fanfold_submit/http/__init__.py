"""What the routes share: who calls, uploads and downloads in pieces, and refusals as problems."""
