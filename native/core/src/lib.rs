//! Keeps Kazoo's number databases and account databases in step: read, plan, apply, report.
