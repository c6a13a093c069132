// Scripts that complete a command line in a shell. They know the words of commands, their flags and the choices of flags.

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export interface Completions {
  /** What may follow these words, `projects proxy` → its next words, or the flags of a whole command. */
  readonly after: ReadonlyMap<string, readonly string[]>;
  /** Values of a flag, `--output` → its choices. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Names consist of letters, digits and dashes, so nothing has to be quoted. */
export function completionScript(shell: Shell, completions: Completions): string {
  return shell === "fish"
    ? fish(completions)
    : shell === "zsh"
      ? zsh(completions)
      : bash(completions);
}

/** A case of POSIX shells for each key. */
function cases(entries: ReadonlyMap<string, readonly string[]>): string {
  return [...entries]
    .map(([key, words]) => `    "${key}") echo "${words.join(" ")}" ;;`)
    .join("\n");
}

/** `_realmgate_next WORD…`: what may follow; the last word is the one before the cursor's. */
function functions({ after, values }: Completions): string {
  return `_realmgate_values() {
  case "$1" in
${cases(values)}
    *) return 1 ;;
  esac
}
_realmgate_after() {
  case "$1" in
${cases(after)}
  esac
}
_realmgate_next() {
  local words="" word last=""
  for word in "$@"; do
    last="$word"
    case "$word" in -*) continue ;; esac
    if [ -n "$(_realmgate_after "\${words:+$words }$word")" ]; then words="\${words:+$words }$word"; fi
  done
  _realmgate_values "$last" || _realmgate_after "$words"
}`;
}

function bash(completions: Completions): string {
  return `# bash completion of realmgate: source <(realmgate completion bash)
${functions(completions)}
_realmgate() {
  local current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$(_realmgate_next "\${COMP_WORDS[@]:1:COMP_CWORD-1}")" -- "$current"))
}
complete -o default -F _realmgate realmgate
`;
}

function zsh(completions: Completions): string {
  return `#compdef realmgate
# zsh completion of realmgate: realmgate completion zsh > "\${fpath[1]}/_realmgate"
${functions(completions)}
_realmgate() {
  compadd -- \${=$(_realmgate_next "\${(@)words[2,CURRENT-1]}")}
}
if [ "\${funcstack[1]}" = _realmgate ]; then _realmgate "$@"; else compdef _realmgate realmgate; fi
`;
}

function fish({ after, values }: Completions): string {
  const switches = (entries: ReadonlyMap<string, readonly string[]>) =>
    [...entries]
      .map(([key, words]) => `    case "${key}"\n      printf "%s\\n" ${words.join(" ")}`)
      .join("\n");
  return `# fish completion of realmgate: realmgate completion fish > ~/.config/fish/completions/realmgate.fish
function __realmgate_values
  switch "$argv[1]"
${switches(values)}
    case "*"
      return 1
  end
end
function __realmgate_after
  switch "$argv[1]"
${switches(after)}
  end
end
function __realmgate_next
  set -l words ""
  set -l tokens (commandline -opc)
  for word in $tokens[2..-1]
    string match -q -- "-*" $word; and continue
    set -l longer (string trim -- "$words $word")
    test -n "$(__realmgate_after $longer)"; and set words $longer
  end
  __realmgate_values $tokens[-1]; or __realmgate_after "$words"
end
complete -c realmgate -f -a "(__realmgate_next)"
`;
}
