"""Sound and pictures, read by PyAV (FFmpeg's libraries) and measured with numpy. The only place that imports them."""
