"""The posture portal: discovery, client provisioning and the posture dialogue over HTTPS."""
