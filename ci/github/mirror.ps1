# The step of action.yml on Windows: finds fairlead, which does the rest. mirror.sh is its twin on Linux and macOS.
$PSNativeCommandUseErrorActionPreference = $false
$binary = $env:FAIRLEAD_INPUT_BINARY
if (-not $binary) { $binary = 'fairlead' }
# Of use only when nothing was run that sets it.
$global:LASTEXITCODE = 64
try {
    & $binary mirror ci github
} catch {
    # The name of the program stays out of it: what comes from outside must not become a command to the runner.
    Write-Host '::error title=there is no fairlead::Install fairlead in a step before this one, or name it with the input binary. This action downloads nothing.'
    Add-Content -LiteralPath $env:GITHUB_OUTPUT -Value 'verdict=usage', 'exit-code=64' -Encoding ascii
}
exit $LASTEXITCODE
