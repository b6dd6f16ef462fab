#include "gateway/app/sluicectl/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <string_view>

namespace sluice::ctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// Inside single quotes and behind zsh's name:description.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\'' ? "'\\''" : c == ':' ? "\\:" : std::string(1, c);
  return out;
}

}  // namespace

std::string bash_completion(const std::vector<std::string>& options,
                            const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  std::string cases;
  for (const CommandWords& c : commands) {
    names.push_back(c.name);
    fmt::format_to(std::back_inserter(cases), "    {}) words='{} {}'; files={} ;;\n", c.name,
                   joined(c.options), joined(c.words), c.takes_file ? 1 : 0);
  }
  return fmt::format(R"(# bash completion of sluicectl: source <(sluicectl completion bash)
_sluicectl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command='' words='' files=0 i
  COMPREPLY=()
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W 'table json yaml' -- "$current")); return ;;
    --token-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
    -a|--admin) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      -o|--output|--token-file|-a|--admin) ((i++)) ;;
      -*) ;;
      *) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  case $command in
    '') words='{} {}' ;;
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if ((files)); then COMPREPLY+=($(compgen -f -- "$current")); fi
}}
complete -o filenames -F _sluicectl sluicectl
)",
                     joined(options), joined(names), cases);
}

std::string zsh_completion(const std::vector<std::string>& options,
                           const std::vector<CommandWords>& commands) {
  std::string described;
  std::string cases;
  for (const CommandWords& c : commands) {
    fmt::format_to(std::back_inserter(described), "    '{}:{}'\n", c.name, zsh_text(c.help));
    fmt::format_to(std::back_inserter(cases), "        {}) compadd -- {} {}{} ;;\n", c.name,
                   joined(c.options), joined(c.words), c.takes_file ? "; _files" : "");
  }
  return fmt::format(R"(#compdef sluicectl
# zsh completion of sluicectl: sluicectl completion zsh > "${{fpath[1]}}/_sluicectl"
_sluicectl() {{
  local -a commands
  commands=(
{}  )
  case ${{words[CURRENT-1]}} in
    -o|--output) compadd -- table json yaml; return ;;
    --token-file) _files; return ;;
    -a|--admin) return ;;
  esac
  local i=2
  while ((i < CURRENT)); do
    case ${{words[i]}} in
      -o|--output|--token-file|-a|--admin) ((i += 2)); continue ;;
      -*) ;;
      *)
        case ${{words[i]}} in
{}        esac
        return ;;
    esac
    ((i++))
  done
  _describe command commands
  compadd -- {}
}}
_sluicectl "$@"
)",
                     described, cases, joined(options));
}

}  // namespace sluice::ctl
