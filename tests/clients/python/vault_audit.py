#!/usr/bin/env python3
"""
vault_audit.py — Inventory Vault KV v2 secrets and flag staleness.
Requires: pip install hvac python-dateutil
Usage: VAULT_ADDR=https://vault.example.com VAULT_TOKEN=... python3 vault_audit.py
"""
import os
import json
from datetime import datetime, timezone, timedelta
import hvac
from dateutil import parser as dateutil_parser
VAULT_ADDR = os.environ["VAULT_ADDR"]
VAULT_TOKEN = os.environ["VAULT_TOKEN"]
STALE_THRESHOLD_DAYS = 90
LEASE_EXPIRY_WARNING_HOURS = 4
client = hvac.Client(url=VAULT_ADDR, token=VAULT_TOKEN)
def list_kv_paths(mount: str, path: str = "") -> list[str]:
    """Recursively list all KV v2 secret paths under mount/path."""
    try:
        result = client.secrets.kv.v2.list_secrets(path=path or "/", mount_point=mount)
        keys = result["data"]["keys"]
    except hvac.exceptions.InvalidPath:
        return []
    paths = []
    for key in keys:
        full_path = f"{path}/{key}".lstrip("/")
        if key.endswith("/"):
            paths.extend(list_kv_paths(mount, full_path.rstrip("/")))
        else:
            paths.append(full_path)
    return paths
def check_secret_staleness(mount: str, path: str) -> dict:
    """Return metadata for a KV v2 secret, flagging if stale."""
    meta = client.secrets.kv.v2.read_secret_metadata(path=path, mount_point=mount)
    versions = meta["data"]["versions"]
    latest_version = str(meta["data"]["current_version"])
    created_time_str = versions[latest_version]["created_time"]
    created_time = dateutil_parser.isoparse(created_time_str)
    age_days = (datetime.now(timezone.utc) - created_time).days
    is_stale = age_days > STALE_THRESHOLD_DAYS
    is_destroyed = versions[latest_version]["destroyed"]
    return {
        "path": f"{mount}/{path}",
        "current_version": latest_version,
        "last_updated": created_time.strftime("%Y-%m-%d"),
        "age_days": age_days,
        "stale": is_stale,
        "destroyed": is_destroyed,
    }
def check_expiring_leases() -> list[dict]:
    """List dynamic secret leases expiring within the warning window."""
    warning = []
    try:
        leases = client.sys.list_leases(prefix="database/creds/")
        for lease_id in leases.get("data", {}).get("keys", []):
            info = client.sys.read_lease(lease_id=lease_id)
            expire_time = dateutil_parser.isoparse(info["data"]["expire_time"])
            hours_remaining = (expire_time - datetime.now(timezone.utc)).total_seconds() / 3600
            if hours_remaining < LEASE_EXPIRY_WARNING_HOURS:
                warning.append({
                    "lease_id": lease_id,
                    "expire_time": expire_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "hours_remaining": round(hours_remaining, 2),
                })
    except Exception as e:
        print(f"[warn] Could not enumerate leases: {e}")
    return warning
def main():
    mounts_to_audit = ["secret"] # adjust to your KV v2 mount names
    print("=== Stale Static Secrets (>90 days) ===")
    for mount in mounts_to_audit:
        paths = list_kv_paths(mount)
        for path in paths:
            result = check_secret_staleness(mount, path)
            if result["stale"]:
                print(
                    f" STALE {result['path']} "
                    f"(v{result['current_version']}, last rotated {result['last_updated']}, "
                    f"{result['age_days']}d ago)"
                )
    print("\n=== Dynamic Leases Expiring Soon ===")
    expiring = check_expiring_leases()
    if expiring:
        for lease in expiring:
            print(
                f" EXPIRING {lease['lease_id']} "
                f"in {lease['hours_remaining']}h (expires {lease['expire_time']})"
            )
    else:
        print(" No leases approaching expiry.")
if __name__ == "__main__":
    main()
