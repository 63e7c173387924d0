control_group = {
  factor "ops" {
    approvals = 2
  }
}
