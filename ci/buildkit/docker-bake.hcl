// preflight.sh --registry … --goproxy … -- docker buildx bake --file docker-bake.hcl
//
// GOPROXY comes from preflight.sh, which has left out what is not valid. `bake` builds targets at once: a target of its own
// for the check would not come before the pulls of the others.
variable "GOPROXY" {
  default = ""
}

variable "PREFLIGHT" {
  default = timestamp()
}

group "default" {
  targets = ["app"]
}

target "app" {
  context    = "."
  dockerfile = "Dockerfile"
  args = {
    GOPROXY   = GOPROXY
    PREFLIGHT = PREFLIGHT
  }
}
