listener "tcp" {
  custom_response_headers {
    "default" = {
      "X-Env" = ["test", "blue"]
    }
    "404" = {
      "X-Gone" = ["yes"]
    }
  }
}
