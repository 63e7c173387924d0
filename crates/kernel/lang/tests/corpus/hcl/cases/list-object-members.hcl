retry_join = [
  { leader_api_addr = "http://a:8200" },
  { leader_api_addr = "http://b:8200" },
]
