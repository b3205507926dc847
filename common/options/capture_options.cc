// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/options/capture_options.h"

#include <array>
#include <cinttypes>
#include <optional>
#include <utility>

#include "common/base/parse.h"
#include "common/format/compression_levels.h"
#include "common/vmcore/page_class.h"

namespace crashdump {
namespace {

constexpr uint64_t kMostSeconds = uint64_t{7} * 24 * 3600;
constexpr size_t kLongestName = 64;

Result<uint64_t> ParseMilliseconds(std::string_view text, uint64_t least_seconds,
                                   uint64_t most_seconds = kMostSeconds) {
  const Result<uint64_t> seconds = ParseNumber(text);
  if (!seconds.ok() || seconds.value() < least_seconds || seconds.value() > most_seconds) {
    return Error::Format(ErrorCode::kInvalidArgument, "not a number of seconds from %" PRIu64 " to %" PRIu64,
                         least_seconds, most_seconds);
  }
  return seconds.value() * 1000;
}

Result<> SetTimeout(std::string_view value, Options& options) {
  options.timeout_ms = TRY(ParseMilliseconds(value, 0));
  return {};
}

Result<> SetStall(std::string_view value, Options& options) {
  options.stall_ms = TRY(ParseMilliseconds(value, 1));
  return {};
}

Result<> SetLinger(std::string_view value, Options& options) {
  options.linger_ms = TRY(ParseMilliseconds(value, 0));
  return {};
}

// The value for one of the words; if it is none of them, they are named.
template <typename Value, size_t kCount>
Result<Value> ParseWord(std::string_view word, const std::array<std::pair<std::string_view, Value>, kCount>& words) {
  std::string known;
  for (const auto& [name, value] : words) {
    if (word == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  return Error::Format(ErrorCode::kInvalidArgument, "none of %s", known.c_str());
}

Result<> SetScreen(std::string_view value, Options& options) {
  constexpr std::array<std::pair<std::string_view, ScreenMode>, 3> kModes = {
      {{"brown", ScreenMode::kBrown}, {"plain", ScreenMode::kPlain}, {"off", ScreenMode::kOff}}};
  options.screen = TRY(ParseWord(value, kModes));
  return {};
}

Result<> SetFinal(std::string_view value, Options& options) {
  constexpr std::array<std::pair<std::string_view, FinalAction>, 3> kActions = {
      {{"reboot", FinalAction::kReboot}, {"poweroff", FinalAction::kPowerOff}, {"halt", FinalAction::kHalt}}};
  options.final = TRY(ParseWord(value, kActions));
  return {};
}

Result<> SetShell(std::string_view value, Options& options) {
  constexpr std::array<std::pair<std::string_view, ShellTime>, 3> kTimes = {
      {{"before", ShellTime::kBefore}, {"after", ShellTime::kAfter}, {"on-failure", ShellTime::kOnFailure}}};
  options.shell = TRY(ParseWord(value, kTimes));
  return {};
}

Result<> SetConfirm(std::string_view value, Options& options) {
  options.confirm_ms = TRY(ParseMilliseconds(value, 0, kMostWaitSeconds));
  return {};
}

constexpr std::array<std::pair<std::string_view, bool>, 2> kAnswers = {{{"yes", true}, {"no", false}}};

Result<> SetConfirmDefault(std::string_view value, Options& options) {
  options.confirm_default = TRY(ParseWord(value, kAnswers));
  return {};
}

Result<> SetPstore(std::string_view value, Options& options) {
  options.pstore = TRY(ParseWord(value, kAnswers));
  return {};
}

Result<> SetStatusPort(std::string_view value, Options& options) {
  // It may become part of a path below /dev.
  if (value.empty() || value.size() > kLongestName || value.front() == '.' ||
      value.find('/') != std::string_view::npos) {
    return Error::Format(ErrorCode::kInvalidArgument, "not the name of a port");
  }
  options.status_port = value;
  return {};
}

// STAGE[,STAGE...][:SECONDS]
Result<> SetHold(std::string_view value, Options& options) {
  const size_t colon = value.find(':');
  uint64_t hold_ms = Options().hold_ms;
  if (colon != std::string_view::npos) hold_ms = TRY(ParseMilliseconds(value.substr(colon + 1), 1, kMostWaitSeconds));
  std::string_view rest = value.substr(0, colon);
  StageSet stages;
  while (true) {
    const size_t comma = rest.find(',');
    const std::optional<Stage> stage = ParseStage(rest.substr(0, comma));
    if (!stage) return Error::Format(ErrorCode::kInvalidArgument, "the stages are start, messages-safe and reboot");
    stages.Add(*stage);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  options.hold = stages;
  options.hold_ms = hold_ms;
  return {};
}

void PassOn(const char* argument, std::string_view value, Options& options) {
  std::vector<std::string>& arguments = options.capture_arguments;
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (arguments[i] == argument) {
      arguments[i + 1] = value;
      return;
    }
  }
  arguments.emplace_back(argument);
  arguments.emplace_back(value);
}

// For the capture child, which gets the text as it is.
Result<> PassNumberOn(const char* argument, std::string_view value, uint64_t least, uint64_t most, Options& options) {
  const Result<uint64_t> number = ParseNumber(value);
  if (!number.ok() || number.value() < least || number.value() > most) {
    return Error::Format(ErrorCode::kInvalidArgument, "not a number from %" PRIu64 " to %" PRIu64, least, most);
  }
  PassOn(argument, value, options);
  return {};
}

Result<> SetDeviceWait(std::string_view value, Options& options) {
  return PassNumberOn("--device-seconds", value, kLeastDeviceSeconds, kMostDeviceSeconds, options);
}

Result<> SetThreads(std::string_view value, Options& options) {
  return PassNumberOn("--threads", value, 1, kMostCaptureThreads, options);
}

Result<> SetDumpLevel(std::string_view value, Options& options) {
  return PassNumberOn("--dump-level", value, 0, DumpLevel::kMaximum, options);
}

Result<> SetCompressionLevel(std::string_view value, Options& options) {
  if (value == "auto") {
    PassOn("--compression-level", value, options);
    return {};
  }
  const Result<> passed =
      PassNumberOn("--compression-level", value, kMinCompressionLevel, kMaxCompressionLevel, options);
  if (!passed.ok())
    return Error::Format(ErrorCode::kInvalidArgument, "neither auto nor a number from %d to %d", kMinCompressionLevel,
                         kMaxCompressionLevel);
  return {};
}

struct OptionRow {
  std::string_view name;
  Result<> (*set)(std::string_view value, Options& options);
  std::string_view alone = {};  // the value that counts if none is given; empty: one must be
};

constexpr std::array<OptionRow, 15> kTable = {{
    {"timeout", SetTimeout},
    {"stall", SetStall},
    {"linger", SetLinger},
    {"screen", SetScreen},
    {"final", SetFinal},
    {"shell", SetShell, "after"},
    {"confirm", SetConfirm},
    {"confirm_default", SetConfirmDefault},
    {"pstore", SetPstore, "yes"},
    {"status_port", SetStatusPort},
    {"hold", SetHold},
    {"device_wait", SetDeviceWait},
    {"threads", SetThreads},
    {"compression_level", SetCompressionLevel},
    {"dump_level", SetDumpLevel},
}};

const OptionRow* FindRow(std::string_view name) {
  for (const OptionRow& row : kTable) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

Result<> Apply(std::string_view name, std::optional<std::string_view> value, Options& options) {
  const OptionRow* const row = FindRow(name);
  if (row == nullptr) return Error::Format(ErrorCode::kNotFound, "no such option");
  if (!value && !row->alone.empty()) value = row->alone;
  // No value is one that is not allowed, and so answered with those that are.
  return row->set(value.value_or(""), options);
}

// The next word of a kernel command line. Double quotes hold blanks together and are left out of the result.
std::optional<std::string> TakeWord(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  std::string word;
  bool quoted = false;
  size_t used = 0;
  for (; used < text.size(); ++used) {
    const char c = text[used];
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && kBlanks.find(c) != std::string_view::npos) {
      break;
    } else {
      word += c;
    }
  }
  text.remove_prefix(used);
  return word;
}

}  // namespace

ParsedOptions ParseOptions(std::string_view command_line) {
  constexpr std::string_view kPrefix = "crashdump.";
  ParsedOptions parsed;
  while (const std::optional<std::string> word = TakeWord(command_line)) {
    if (!word->starts_with(kPrefix)) continue;
    const std::string_view option = std::string_view(*word).substr(kPrefix.size());
    const size_t equals = option.find('=');
    const Result<> applied = Apply(
        option.substr(0, equals),
        equals == std::string_view::npos ? std::nullopt : std::optional(option.substr(equals + 1)), parsed.options);
    if (!applied.ok()) parsed.notes.push_back(*word + ": ignored: " + applied.error().text());
  }
  if (!parsed.options.hold.empty() && parsed.options.status_port.empty()) {
    parsed.options.hold = StageSet();
    parsed.notes.emplace_back("crashdump.hold: ignored: without crashdump.status_port nobody can answer");
  }
  if (parsed.options.shell != ShellTime::kNever && parsed.options.linger_ms == 0) {
    parsed.options.shell = ShellTime::kNever;
    parsed.notes.emplace_back("crashdump.shell: ignored: crashdump.linger=0 leaves no time to ask for it");
  }
  return parsed;
}

}  // namespace crashdump
