# 0: the package is removed, not replaced by another version.
if [ "$1" = 0 ] && command -v systemctl >/dev/null; then
    if [ -d /run/systemd/system ]; then
        systemctl stop kazoo-numbers-audit.timer kazoo-numbers-audit.service kazoo-numbers-watch.service || true
    fi
    systemctl disable kazoo-numbers-audit.timer kazoo-numbers-watch.service >/dev/null 2>&1 || true
fi
