// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/status_line.h"

#include <array>
#include <optional>
#include <utility>

#include "common/base/parse.h"

namespace crashdump {
namespace {

using Kind = StatusLine::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 8> kTextKinds = {{
    {"message", Kind::kMessage},
    {"crash", Kind::kCrash},
    {"confirm", Kind::kConfirm},
    {"stage", Kind::kStage},
    {"target", Kind::kTarget},
    {"note", Kind::kNote},
    {"result", Kind::kResult},
    {"failed", Kind::kFailed},
}};

std::optional<Progress> ParseProgress(std::string_view text) {
  const Result<uint64_t> done = ParseNumber(TakeFirstWord(text));
  const Result<uint64_t> total = ParseNumber(TakeFirstWord(text));
  const Result<uint64_t> written = ParseNumber(text);
  if (!done.ok() || !total.ok() || !written.ok()) return std::nullopt;
  return Progress{.done = done.value(), .total = total.value(), .written = written.value()};
}

}  // namespace

std::string_view TakeFirstWord(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  if (!text.empty()) text.remove_prefix(1);
  return word;
}

StatusLine ParseStatusLine(std::string_view line) {
  std::string_view rest = line;
  const std::string_view word = TakeFirstWord(rest);
  if (word == "messages-safe" && rest.empty()) return {.kind = Kind::kMessagesSafe, .text = {}, .progress = {}};
  if (word == "progress") {
    const std::optional<Progress> progress = ParseProgress(rest);
    if (progress) return {.kind = Kind::kProgress, .text = rest, .progress = *progress};
  }
  for (const auto& [name, kind] : kTextKinds) {
    if (word == name) return {.kind = kind, .text = rest, .progress = {}};
  }
  return {.kind = Kind::kNote, .text = line, .progress = {}};
}

}  // namespace crashdump
