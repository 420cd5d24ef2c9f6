"""What Trellis depends on, pinned; and what is asked of it. No part of the package."""
