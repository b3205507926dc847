// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/options.h"

#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/vmcore/printable_text.h"

namespace crashdump {
namespace {

Error UsageError(const char* text, std::string_view what) {
  return Error::Format(ErrorCode::kInvalidArgument, "%s %.*s", text, static_cast<int>(what.size()), what.data());
}

const OptionSpec* FindOption(const CommandSpec& spec, std::string_view name) {
  for (const OptionSpec& option : spec.options) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

const OptionSpec* FindLetter(const CommandSpec& spec, char letter) {
  for (const OptionSpec& option : spec.options) {
    if (option.letter != 0 && letter == option.letter) return &option;
  }
  return nullptr;
}

std::string HelpLine(const OptionSpec& option) {
  std::string left = "  ";
  if (option.letter != 0) {
    left += '-';
    left += option.letter;
    left += ", ";
  }
  left += std::string("--") + option.name;
  if (option.value_name[0] != 0) left += std::string(" ") + option.value_name;
  constexpr size_t kColumn = 30;
  left.resize(left.size() + 2 < kColumn ? kColumn : left.size() + 2, ' ');
  return left + option.help + "\n";
}

std::string HelpText(const CommandSpec& spec) {
  std::string text = std::string("Usage: crashdump ") + spec.name;
  if (spec.positional[0] != 0) text += std::string(" ") + spec.positional;
  for (const OptionSpec& option : spec.options) {
    if (option.need == OptionNeed::kRequired) text += std::string(" --") + option.name + " " + option.value_name;
  }
  text += " [OPTION]...\n\n";
  text += spec.help;
  text += "\nOptions:\n";
  for (const OptionSpec& option : spec.options) text += HelpLine(option);
  return text + HelpLine({"help", OptionKind::kFlag, "", "print this"}) + "\nExample:\n  " + spec.example + "\n";
}

}  // namespace

Result<CommandLine> CommandLine::Parse(const CommandSpec& spec, std::span<char* const> arguments) {
  CommandLine line;
  bool options_over = false;
  for (const char* argument : arguments) {
    if (strcmp(argument, "--") == 0) break;
    if (strcmp(argument, "--help") == 0) {
      line.wants_help_ = true;
      return line;
    }
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const char* const argument = arguments[i];
    if (options_over || argument[0] != '-' || argument[1] == 0) {
      line.positional_.push_back(argument);
      continue;
    }
    if (strcmp(argument, "--") == 0) {
      options_over = true;
      continue;
    }
    const bool is_long = argument[1] == '-';
    const char* const equals = is_long ? strchr(argument, '=') : nullptr;
    const std::string_view name = equals != nullptr ? std::string_view(argument, static_cast<size_t>(equals - argument))
                                                    : std::string_view(argument);
    const OptionSpec* option = nullptr;
    if (is_long) option = FindOption(spec, name.substr(2));
    if (!is_long && name.size() == 2) option = FindLetter(spec, argument[1]);
    if (option == nullptr) return UsageError("unknown option", name);
    const char* value = equals != nullptr ? equals + 1 : nullptr;
    if (option->kind == OptionKind::kFlag) {
      if (value != nullptr) return UsageError("no value belongs to option", name);
      value = "";
    } else if (value == nullptr) {
      if (i + 1 == arguments.size()) return UsageError("a value is missing behind option", name);
      value = arguments[++i];
    }
    TRY(line.Add(*option, value), "option --%s", option->name);
  }
  for (const OptionSpec& option : spec.options) {
    if (option.need == OptionNeed::kRequired && !line.Has(option.name)) {
      return Error::Format(ErrorCode::kInvalidArgument, "option --%s %s is missing", option.name, option.value_name);
    }
  }
  if (line.positional_.size() < spec.positional_minimum) return UsageError("missing argument:", spec.positional);
  if (line.positional_.size() > spec.positional_maximum) {
    return UsageError("one argument too many:", line.positional_[spec.positional_maximum]);
  }
  return line;
}

Result<> CommandLine::Add(const OptionSpec& option, const char* value) {
  Given given = {.spec = &option, .text = value, .number = 0};
  if (option.kind == OptionKind::kText && value[0] == 0) {
    return Error::Format(ErrorCode::kInvalidArgument, "the value is empty");
  }
  if (option.kind == OptionKind::kNumber || option.kind == OptionKind::kSize) {
    given.number = TRY(option.kind == OptionKind::kSize ? ParseSize(value) : ParseNumber(value));
    if (given.number < option.minimum || given.number > option.maximum) {
      return Error::Format(ErrorCode::kInvalidArgument, "%s is not between %" PRIu64 " and %" PRIu64, value,
                           option.minimum, option.maximum);
    }
  }
  given_.push_back(given);
  return {};
}

const CommandLine::Given* CommandLine::Find(std::string_view name) const {
  const Given* found = nullptr;
  for (const Given& given : given_) {
    if (name == given.spec->name) found = &given;
  }
  return found;
}

std::optional<std::string> CommandLine::Text(std::string_view name) const {
  const Given* const given = Find(name);
  return given == nullptr ? std::nullopt : std::optional<std::string>(given->text);
}

std::optional<uint64_t> CommandLine::Number(std::string_view name) const {
  const Given* const given = Find(name);
  return given == nullptr ? std::nullopt : std::optional<uint64_t>(given->number);
}

int RunCommand(const CommandSpec& spec, std::span<char* const> arguments, CommandBody body) {
  return RunCommand(
      spec, arguments, [](const CommandLine&) { return Result<>(); }, body);
}

int RunCommand(const CommandSpec& spec, std::span<char* const> arguments,
               const std::function<Result<>(const CommandLine&)>& parse,
               const std::function<Result<int>(const CommandLine&)>& body) {
  const std::string program = std::string("crashdump ") + spec.name;
  const Result<CommandLine> line = CommandLine::Parse(spec, arguments);
  if (line.ok() && line.value().wants_help()) return PrintOutput(program, HelpText(spec));
  const Result<> usage = line.ok() ? parse(line.value()) : line.error();
  if (!usage.ok()) {
    PrintError(program, std::string(usage.error().text()) + " (see " + program + " --help)");
    return kExitUsage;
  }
  const Result<int> status = body(line.value());
  if (status.ok()) return status.value();
  PrintError(program, status.error().text());
  return kExitFailure;
}

void PrintError(std::string_view program, std::string_view text) {
  std::string line = EscapeControl(std::string(program) + ": " + std::string(text));
  for (char& byte : line) {
    if (byte == '\n') byte = ' ';
  }
  // Nothing can be done about a standard error that cannot be written.
  (void)WriteFull(STDERR_FILENO, BytesOf(line + "\n"));
}

Result<> WriteOutput(std::string_view text) {
  TRY(WriteFull(STDOUT_FILENO, BytesOf(text)), "standard output");
  return {};
}

int PrintOutput(std::string_view program, std::string_view text) {
  const Result<> written = WriteOutput(text);
  if (written.ok()) return kExitSuccess;
  PrintError(program, written.error().text());
  return kExitFailure;
}

}  // namespace crashdump
