@echo off
rem Runs mobius on this project: %MOBIUS%, else the one that made these scripts, else the one on the PATH.
setlocal
set "root=%~dp0.."
if not defined MOBIUS if exist "%root%\.mobius\mobius.path" set /p MOBIUS=<"%root%\.mobius\mobius.path"
if defined MOBIUS if not exist "%MOBIUS%" set "MOBIUS="
if not defined MOBIUS set "MOBIUS=mobius"
"%MOBIUS%" --config "%root%\mobius.toml" %*
exit /b %ERRORLEVEL%
