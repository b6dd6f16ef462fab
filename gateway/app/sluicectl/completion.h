#pragma once

#include <string>
#include <vector>

namespace sluice::ctl {

// A command as a shell completes it.
struct CommandWords {
  std::string name;
  std::string help;
  std::vector<std::string> options;  // with their dashes
  std::vector<std::string> words;    // what may follow: values, or subcommands
  bool takes_file = false;
};

// The script that a shell loads: `source <(sluicectl completion bash)`, or zsh's as `_sluicectl` in its
// fpath.
std::string bash_completion(const std::vector<std::string>& options,
                            const std::vector<CommandWords>& commands);
std::string zsh_completion(const std::vector<std::string>& options,
                           const std::vector<CommandWords>& commands);

}  // namespace sluice::ctl
