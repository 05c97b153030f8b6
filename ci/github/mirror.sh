#!/usr/bin/env bash
# The step of action.yml on Linux and macOS: finds fairlead, which does the rest. mirror.ps1 is its twin on Windows.
binary=${FAIRLEAD_INPUT_BINARY:-fairlead}
if ! command -v -- "$binary" >/dev/null; then
    # The name of the program stays out of it: what comes from outside must not become a command to the runner.
    echo '::error title=there is no fairlead::Install fairlead in a step before this one, or name it with the input binary. This action downloads nothing.'
    printf 'verdict=usage\nexit-code=64\n' >>"$GITHUB_OUTPUT"
    exit 64
fi
exec -- "$binary" mirror ci github
