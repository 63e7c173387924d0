pid_file = "/run/agent.pid"

auto_auth {
  method "kubernetes" {
    mount_path = "auth/kubernetes"

    config = {
      role = "app"
    }
  }

  sink "file" {
    config = {
      path = "/run/token"
      mode = 0640
    }
  }
}

template {
  source = "/etc/app.tpl"
  destination = "/run/app.conf"
  exec { command = ["pkill", "-HUP", "app"] }
}
