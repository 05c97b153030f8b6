# The step of action.yml on Windows; mirror.sh is its twin on Linux and macOS, and does the same in the same order.
#
# Inputs come as variables FAIRLEAD_INPUT_…; none of them becomes text of a script, of a workflow command or of a line of one
# of the runner's files without being escaped. Secrets never stand in arguments, which every process of the machine may read.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
$PSNativeCommandArgumentPassing = 'Standard'
[Console]::OutputEncoding = [Text.UTF8Encoding]::new($false)

# The value of an input, or what stands in for an empty one.
function Read-Input([string]$Name, [string]$Default = '') {
    $value = [Environment]::GetEnvironmentVariable("FAIRLEAD_INPUT_$Name")
    if ($value) { $value } else { $Default }
}

$binary = Read-Input BINARY fairlead
$mode = Read-Input MODE check
$kind = Read-Input KIND goproxy
$strict = Read-Input STRICT false
$fold = Read-Input FOLD_EXIT_CODES false
$sarif = Read-Input SARIF

# Nobody who writes into the log or a value can guess it.
$mark = [Convert]::ToHexString([Security.Cryptography.RandomNumberGenerator]::GetBytes(16)).ToLowerInvariant()
$temp = if ($env:RUNNER_TEMP) { $env:RUNNER_TEMP } else { [IO.Path]::GetTempPath() }
$folder = (New-Item -ItemType Directory -Path (Join-Path $temp "fairlead-mirror-$([Guid]::NewGuid().ToString('N'))")).FullName
$log = Join-Path $folder 'log'
$variables = Join-Path $folder 'env'
$chosen = Join-Path $folder 'chosen'
$report = if ($sarif) { $sarif } else { Join-Path $folder 'report.jsonl' }
$format = if ($sarif) { 'sarif' } else { 'jsonl' }
$arguments = [Collections.Generic.List[string]]::new()
$urls = [Collections.Generic.List[string]]::new()
$script:tail = ''
$script:proxies = ''

function Invoke-Main {
    Write-Text $log ''
    Hide-Secrets
    if (-not (Get-Command -Name ([WildcardPattern]::Escape($binary)) -CommandType Application -ErrorAction SilentlyContinue)) {
        Deny "there is no program ``$binary``: install fairlead in a step before this one, or name it with the input binary. This action downloads nothing."
    }
    Assert-Switch strict $strict
    Assert-Switch fold-exit-codes $fold
    switch -CaseSensitive ($mode) {
        { $_ -cin 'check', 'setup' } { Invoke-Check }
        'verify' { Invoke-Verify }
        default { Deny "the input mode is ``$mode``, not check, setup or verify" }
    }
}

# Checks mirrors; `setup` keeps the healthy ones for the steps that follow.
function Invoke-Check {
    if (Read-Input TENANT) { Read-Tenant }
    Read-Urls
    if ($urls.Count -eq 0) { Deny 'there is no mirror to check: give the input url, urls or tenant, or set GOPROXY' }
    Add-Option '--kind' $kind
    Add-Option '--timeout' (Read-Input TIMEOUT)
    Add-Option '--retries' (Read-Input RETRIES)
    Add-Option '--jobs' (Read-Input JOBS)
    if ((Read-Input CACHE_TTL) -cne 'off') {
        Add-Option '--cache-ttl' (Read-Input CACHE_TTL)
    } elseif ($mode -ceq 'setup') {
        Add-Option '--cache' (Join-Path $folder 'probe')
    } else {
        $arguments.Add('--no-cache')
    }
    if ($strict -ceq 'true') { $arguments.Add('--strict') }
    if ($fold -ceq 'true') { $arguments.Add('--fold-exit-codes') }
    if (Read-Input TOKEN) { Add-Option '--token-env' FAIRLEAD_INPUT_TOKEN }
    Add-Options
    if ($mode -ceq 'setup' -and $kind -cne 'goproxy') {
        Deny "setup chooses Go module mirrors, and the input kind is ``$kind``"
    }
    $code = Invoke-Fairlead '' (@('mirror', 'check') + $arguments + @("--format=$format", "--output=$report", '--') + $urls)
    if ($mode -ceq 'check') { Complete-Step $code }
    # Answered from what the first run has kept.
    if ($code -le 4) { $null = Invoke-Fairlead $chosen (@('mirror', 'check') + $arguments + @('--pick', '--') + $urls) }
    Select-Mirrors $code
}

# Proves go.sum files.
function Invoke-Verify {
    Add-Option '--jobs' (Read-Input JOBS)
    Add-Options
    $names = @((Read-Input GO_SUM go.sum) -split "\r?\n" | Where-Object { $_ })
    if ($names.Count -eq 0) { Deny 'the input go-sum names no file' }
    $code = Invoke-Fairlead $report (@('mirror', 'verify') + $arguments + @("--format=$format", '--') + $names)
    # That report is for programs. People read in the log what is wrong.
    if ($code -ne 0) { $null = Invoke-Fairlead '' (@('mirror', 'verify') + $arguments + @('--') + $names) }
    Complete-Step $code
}

# Sets GOPROXY for the steps that follow. While one mirror is valid another one is no reason to fail, unless `strict`.
function Select-Mirrors([int]$Code) {
    if (Test-Path -LiteralPath $chosen) { $script:proxies = "$(Get-Content -Raw -LiteralPath $chosen)".Trim() }
    if (-not $proxies) {
        if ($Code -eq 0) { $Code = 70 }
        Complete-Step $Code
    }
    if ($Code -ne 0 -and $strict -ceq 'true') {
        $script:proxies = ''
        Complete-Step $Code
    }
    $script:proxies = $proxies + $tail
    if (Test-Path -LiteralPath $variables) {
        Get-Content -LiteralPath $variables | Where-Object { $_ -cnotmatch '^GOPROXY=' } | ForEach-Object { Add-Text $env:GITHUB_ENV "$_`n" }
    }
    Set-Value $env:GITHUB_ENV GOPROXY $proxies
    if (Read-Input NETRC) { Set-Value $env:GITHUB_ENV NETRC $env:NETRC }
    Complete-Step $Code 0
}

# Mirrors of the inputs, else of the tenant, else of GOPROXY. `direct` and `off` end the list and are kept for `setup`.
function Read-Urls {
    $given = "$(Read-Input URL) $(Read-Input URLS)".Trim()
    if (-not $given) { $given = "$(Get-OfTenant)" }
    if (-not $given -and $kind -ceq 'goproxy') { $given = "$env:GOPROXY" }
    $separator = ','
    foreach ($part in [regex]::Matches($given, '([^,|\s]+)|([,|\s])')) {
        $entry = $part.Value
        if ($entry -ceq '|') { $separator = '|' }
        if ($part.Groups[2].Success) { continue }
        if ($entry -cin 'direct', 'off') {
            $script:tail = $separator + $entry
            return
        }
        Deny-Credentials $entry
        $urls.Add($entry)
        $separator = ','
    }
}

function Deny-Credentials([string]$Url) {
    $authority = ($Url -replace '^.*?://', '') -replace '[/?#].*$', ''
    if (-not $authority.Contains('@')) { return }
    $user = $authority.Substring(0, $authority.LastIndexOf('@'))
    Hide $user
    Hide $user.Substring($user.IndexOf(':') + 1)
    Deny 'a mirror has credentials in its URL, where every process of the machine may read them: give them with the input netrc'
}

function Read-Tenant {
    if (-not (Read-Input TENANTS)) { Deny 'the input tenant needs the input tenants, a file' }
    $code = Invoke-Fairlead $variables @('mirror', 'env', "--tenant=$(Read-Input TENANT)", "--env=$(Read-Input ENV default)", "--tenants=$(Read-Input TENANTS)", '--format=github')
    if ($code -ne 0) { Complete-Step $code }
}

function Get-OfTenant {
    $name = if ($kind -ceq 'oci') { 'REGISTRY_MIRROR' } else { 'GOPROXY' }
    if (Test-Path -LiteralPath $variables) {
        Get-Content -LiteralPath $variables | Where-Object { $_.StartsWith("$name=") } | ForEach-Object { $_.Substring($name.Length + 1) }
    }
}

# Masks what is secret, and puts credentials where fairlead and go look for them.
function Hide-Secrets {
    Hide (Read-Input TOKEN)
    $netrc = Read-Input NETRC
    if (-not $netrc) { return }
    $before = ''
    foreach ($word in $netrc -split '\s+') {
        if ($before -ceq 'password') { Hide $word }
        $before = $word
    }
    $env:NETRC = Join-Path $folder 'netrc'
    Write-Text $env:NETRC "$netrc`n"
}

# Adds `NAME=VALUE`, when there is a value: an option without one keeps its default.
function Add-Option([string]$Name, [string]$Value) {
    if ($Value) { $arguments.Add("$Name=$Value") }
}

function Add-Options {
    foreach ($line in (Read-Input OPTIONS) -split "\r?\n" | Where-Object { $_ }) {
        if (-not $line.StartsWith('-')) { Deny 'a line of the input options does not begin with a hyphen: write an option and its value as --name=value' }
        $arguments.Add($line)
    }
}

function Assert-Switch([string]$Name, [string]$Value) {
    if ($Value -cnotin 'true', 'false') { Deny "the input $Name is ``$Value``, not true or false" }
}

# Runs fairlead; its standard output goes to the file, if one is named. Everything else is shown, and nothing that a mirror
# says is taken for a workflow command.
function Invoke-Fairlead([string]$Out, [string[]]$Words) {
    Write-Host "::stop-commands::$mark"
    if ($Out) { Write-Text $Out '' }
    $null | & $binary @Words 2>&1 | ForEach-Object {
        if ($Out -and $_ -isnot [Management.Automation.ErrorRecord]) {
            Add-Text $Out "$_`n"
        } else {
            Add-Text $log "$_`n"
            Write-Host "$_"
        }
    }
    $code = $LASTEXITCODE
    Write-Host "`n::${mark}::"
    $code
}

function Deny([string]$Message) {
    Add-Text $log "$Message`n"
    Complete-Step 64
}

# Tells how it went, to the runner and to people. The exit code is fairlead's, and the step's unless Status is that.
function Complete-Step([int]$Code, [int]$Status = $Code) {
    $verdict = Get-Word $Code
    if (-not (Test-Path -LiteralPath $report) -or (Get-Item -LiteralPath $report).Length -eq 0) { $script:report = '' }
    Set-Value $env:GITHUB_OUTPUT verdict $verdict
    Set-Value $env:GITHUB_OUTPUT exit-code "$Code"
    Set-Value $env:GITHUB_OUTPUT report $report
    Set-Value $env:GITHUB_OUTPUT goproxy $proxies
    Add-Text $env:GITHUB_STEP_SUMMARY (Get-Summary $verdict $Code)
    if ($Status -ne 0) {
        Write-Annotation error "mirror ${mode}: $verdict"
    } elseif ($Code -ne 0) {
        Write-Annotation warning "mirror ${mode}: $verdict; mirrors were left out"
    } elseif ((Get-Content -LiteralPath $log) -cmatch '^warning') {
        Write-Annotation warning "mirror ${mode}: $verdict, with warnings"
    }
    exit $Status
}

function Get-Word([int]$Code) {
    switch ($Code) {
        0 { 'valid' }
        1 { 'unreachable' }
        2 { if ($fold -ceq 'true') { 'invalid' } else { 'protocol' } }
        3 { 'integrity' }
        4 { 'degraded' }
        64 { 'usage' }
        default { 'internal' }
    }
}

# Markdown. What fairlead says is indented, so that nothing in it ends the block.
function Get-Summary([string]$Verdict, [int]$Code) {
    $shown = if ($mode -cin 'check', 'setup', 'verify') { $mode } else { '?' }
    $lines = @('### Fairlead mirror', '', '| mode | verdict | exit code | mirrors |', '| --- | --- | --- | --- |', "| $shown | **$Verdict** | $Code | $($urls.Count) |", '')
    if ($proxies) { $lines += "    GOPROXY=$proxies" }
    $text = "$(Get-Content -Raw -LiteralPath $log)"
    $text = $text.Substring(0, [Math]::Min($text.Length, 60000)).Replace("`r", ' ')
    $lines += $text.Split("`n") | ForEach-Object { "    $_" }
    ($lines -join "`n") + "`n"
}

# An annotation; its text is the beginning of what fairlead said.
function Write-Annotation([string]$Level, [string]$Title) {
    $text = (@(Get-Content -LiteralPath $log -TotalCount 30) -join "`n")
    $text = $text.Substring(0, [Math]::Min($text.Length, 4000))
    if (-not $text) { $text = $Title }
    Write-Host "::$Level title=$((Get-Escaped $Title).Replace(':', '%3A').Replace(',', '%2C'))::$(Get-Escaped $text)"
}

function Hide([string]$Text) {
    if ($Text) { Write-Host "::add-mask::$(Get-Escaped $Text)" }
}

# Escapes data of a workflow command.
function Get-Escaped([string]$Text) {
    $Text.Replace('%', '%25').Replace("`r", '%0D').Replace("`n", '%0A')
}

# Sets a name to a value in a file of the runner's.
function Set-Value([string]$File, [string]$Name, [string]$Value) {
    Add-Text $File "$Name<<$mark`n$Value`n$mark`n"
}

function Write-Text([string]$File, [string]$Text) { [IO.File]::WriteAllText($ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($File), $Text) }
function Add-Text([string]$File, [string]$Text) { [IO.File]::AppendAllText($ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($File), $Text) }

Invoke-Main
