if ! getent passwd kazoo-numbers >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/kazoo-numbers --no-create-home --shell /sbin/nologin kazoo-numbers
fi
# The timer is not enabled: CouchDB's address is missing.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
