// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/screen/screen_content.h"

#include "common/base/parse.h"

namespace crashdump {
namespace {

constexpr std::string_view kPercent = "percent";

// Calls `with(name, field)` for every field that is a text or a list of them.
template <typename Content, typename Function>
void ForEachText(Content& content, Function with) {
  with("panic", content.panic);
  with("cause", content.cause);
  with("kernel", content.kernel);
  with("machine", content.machine);
  with("process", content.process);
  with("trace", content.trace);
  with("messages", content.messages);
  with("target", content.target);
  with("activity", content.activity);
  with("progress", content.progress);
  with("question", content.question);
  with("outcome", content.outcome);
  with("footer", content.footer);
}

void Append(std::string& lines, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  lines.append(name).append(" ").append(text).append("\n");
}

void Append(std::string& lines, std::string_view name, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) Append(lines, name, text);
}

void Set(std::string& field, std::string_view text) { field = text; }
void Set(std::vector<std::string>& field, std::string_view text) { field.emplace_back(text); }

}  // namespace

std::vector<std::string> LinesToTakeAlong(const ScreenContent& content) {
  std::vector<std::string> lines;
  const auto add = [&](const std::string& text) {
    if (!text.empty()) lines.push_back(text);
  };
  add(content.panic);
  add(content.kernel);
  add(content.cause);
  for (const std::string& entry : content.trace) add(entry);
  add(content.process);
  return lines;
}

std::string ContentLines(const ScreenContent& content) {
  std::string lines;
  ForEachText(content, [&](std::string_view name, const auto& field) { Append(lines, name, field); });
  if (content.percent) Append(lines, kPercent, std::to_string(*content.percent));
  return lines;
}

void AddContentLine(std::string_view line, ScreenContent& content) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return;
  const std::string_view name = line.substr(0, blank);
  const std::string_view text = line.substr(blank + 1);
  ForEachText(content, [&](std::string_view each, auto& field) {
    if (each == name) Set(field, text);
  });
  if (name != kPercent) return;
  const Result<uint64_t> percent = ParseNumber(text);
  if (percent.ok()) content.percent = static_cast<unsigned>(percent.value());
}

}  // namespace crashdump
