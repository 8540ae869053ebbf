if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
# rpm has no purge: the state goes with the package.
if [ "$1" = 0 ]; then
    rm -rf /var/lib/kazoo-numbers /var/lib/systemd/timers/stamp-kazoo-numbers-audit.timer
    if getent passwd kazoo-numbers >/dev/null; then
        userdel kazoo-numbers
    fi
fi
