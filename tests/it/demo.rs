//! The demo, as a newcomer meets it: what it prints works as pasted (CONTRACT 1).
