// SPDX-License-Identifier: GPL-2.0-or-later
// What all subcommands have in common: options, --help, and one line on standard error for what went wrong.
//
// A subcommand's file has a table of its options, a CommandSpec, and a body:
//   int RunSave(std::span<char* const> arguments) { return RunCommand(kSpec, arguments, Save); }
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace crashdump {

inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

enum class OptionKind : uint8_t {
  kFlag,    // --name
  kText,    // --name VALUE or --name=VALUE; the value is not empty
  kNumber,  // decimal, between minimum and maximum
  kSize,    // bytes, such as 4096, 64M or 2G, between minimum and maximum
};

enum class OptionNeed : uint8_t { kOptional, kRequired };

struct OptionSpec {
  const char* name;  // without "--"
  OptionKind kind;
  const char* value_name;  // for --help; "" for a flag
  const char* help;        // one line
  char letter = 0;         // the short form -x, 0 for none
  OptionNeed need = OptionNeed::kOptional;
  uint64_t minimum = 0;
  uint64_t maximum = UINT64_MAX;
};

struct CommandSpec {
  const char* name;        // the subcommand
  const char* positional;  // names of the positional arguments, "" for none: "VMCORE"
  unsigned positional_minimum;
  unsigned positional_maximum;
  std::span<const OptionSpec> options;
  const char* help;     // what it does, some lines, each with its newline
  const char* example;  // a whole command
};

// The checked arguments of one subcommand.
class CommandLine {
 public:
  // Every value has been checked against its OptionSpec, and no argument is left over. Of an option that is given twice
  // the last one counts. "--" ends the options.
  static Result<CommandLine> Parse(const CommandSpec& spec, std::span<char* const> arguments);

  // --help was among the arguments: nothing else was checked.
  bool wants_help() const { return wants_help_; }
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  std::optional<std::string> Text(std::string_view name) const;
  // Of kNumber and kSize.
  std::optional<uint64_t> Number(std::string_view name) const;
  // The arguments that are no options. Valid as long as the command line's own memory.
  const std::vector<const char*>& positional() const { return positional_; }

 private:
  struct Given {
    const OptionSpec* spec;
    const char* text;  // "" for a flag
    uint64_t number;   // of kNumber and kSize
  };
  const Given* Find(std::string_view name) const;
  Result<> Add(const OptionSpec& option, const char* value);

  std::vector<Given> given_;
  std::vector<const char*> positional_;
  bool wants_help_ = false;
};

// Does the subcommand's work; the value is the exit status. An error is printed by RunCommand(), once, with status 1.
using CommandBody = Result<int> (*)(const CommandLine& line);

// Parses, answers --help, runs the body and reports what failed: status 2 for wrong usage.
int RunCommand(const CommandSpec& spec, std::span<char* const> arguments, CommandBody body);

// The same for a command whose values a table cannot check: `parse` makes of them what `body` works with. Its error is
// one of wrong usage.
int RunCommand(const CommandSpec& spec, std::span<char* const> arguments,
               const std::function<Result<>(const CommandLine&)>& parse,
               const std::function<Result<int>(const CommandLine&)>& body);
template <typename Choice>
int RunCommand(const CommandSpec& spec, std::span<char* const> arguments, Result<Choice> (*parse)(const CommandLine&),
               Result<int> (*body)(const CommandLine&, const Choice&)) {
  std::optional<Choice> choice;
  const auto keep = [&](const CommandLine& line) -> Result<> {
    choice.emplace(TRY(parse(line)));
    return {};
  };
  return RunCommand(spec, arguments, keep, [&](const CommandLine& line) { return body(line, *choice); });
}

// One line on standard error: "crashdump save: TEXT", made safe for terminals.
void PrintError(std::string_view program, std::string_view text);
// All of `text` to standard output; the exit status, which is 1 (and a line on standard error) if that fails.
int PrintOutput(std::string_view program, std::string_view text);
Result<> WriteOutput(std::string_view text);

}  // namespace crashdump
