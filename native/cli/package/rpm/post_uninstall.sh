if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
# rpm has no purge: the state goes with the package.
if [ "$1" = 0 ]; then
    # rpm leaves the directories that no package lists.
    for dir in /etc/kazoo-numbers /usr/share/doc/kazoo-numbers /usr/share/licenses/kazoo-numbers; do
        rmdir "$dir" 2>/dev/null || true
    done
    rm -rf /var/lib/kazoo-numbers /var/lib/systemd/timers/stamp-kazoo-numbers-audit.timer
    if getent passwd kazoo-numbers >/dev/null; then
        userdel kazoo-numbers
    fi
fi
