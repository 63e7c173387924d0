auto_auth { method { type = "approle" config { role_id_file_path = "/r" } } }
env_template "A" { contents = "x" error_on_missing_key = "true" }
exec { command = "app" restart_stop_signal = "hup" restart_on_secret_changes = "never" }
