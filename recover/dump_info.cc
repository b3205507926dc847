// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_info.h"

#include <array>
#include <cstdio>
#include <ctime>

#include "common/base/json_writer.h"
#include "common/base/parse.h"
#include "common/base/text_record.h"

namespace crashdump {
namespace {

// The inverse of QuoteJson().
Result<std::string> Unquote(std::string_view quoted) {
  const Error bad = Error::Format(ErrorCode::kCorrupt, "info.json: a text that crashdump did not write");
  if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"') return bad;
  quoted = quoted.substr(1, quoted.size() - 2);
  std::string text;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      text += quoted[i];
    } else if (i + 1 < quoted.size() && (quoted[i + 1] == '"' || quoted[i + 1] == '\\')) {
      text += quoted[++i];
    } else if (i + 5 < quoted.size() && quoted.substr(i + 1, 3) == "u00") {
      std::array<uint8_t, 1> byte{};
      TRY(ParseHex(quoted.substr(i + 4, 2), byte), "info.json");
      text += static_cast<char>(byte[0]);
      i += 5;
    } else {
      return bad;
    }
  }
  return text;
}

Result<std::string_view> FindMember(std::string_view json, const char* key) {
  const std::string start = "\n  \"" + std::string(key) + "\": ";
  const size_t found = json.find(start);
  if (found == std::string_view::npos) {
    return Error::Format(ErrorCode::kCorrupt, "info.json: no member \"%s\"", key);
  }
  const std::string_view rest = json.substr(found + start.size());
  std::string_view value = rest.substr(0, rest.find('\n'));
  if (!value.empty() && value.back() == ',') value.remove_suffix(1);
  return value;
}

Result<std::string> FindText(std::string_view json, const char* key) {
  const std::string_view value = TRY(FindMember(json, key));
  return Unquote(value);
}

Result<uint64_t> FindNumber(std::string_view json, const char* key) {
  const std::string_view value = TRY(FindMember(json, key));
  return TRY(ParseNumber(value), "info.json: \"%s\"", key);
}

constexpr std::array<const char*, 3> kVmcoreFileNames{"present", "pending", "none"};

}  // namespace

std::string FormatUtc(uint64_t seconds_since_1970) {
  const auto time = static_cast<time_t>(seconds_since_1970);
  struct tm utc {};
  (void)gmtime_r(&time, &utc);
  std::array<char, 40> text{};
  return {text.data(), strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string DumpInfo::ToJson() const {
  JsonObject json;
  json.AddNumber("format", 1);
  json.AddText("attempt_id", attempt_id);
  json.AddText("key_id", key_id);
  json.AddText("release", release);
  json.AddText("machine", machine);
  json.AddNumber("crash_time", crash_time);
  json.AddText("crash_time_utc", crash_time == 0 ? "" : FormatUtc(crash_time));
  json.AddText("state", state);
  json.AddText("reason", reason);
  json.AddNumber("read_error", read_error ? 1 : 0);
  json.AddText("vmcore", kVmcoreFileNames[static_cast<size_t>(vmcore)]);
  json.AddText("vmcore_format", vmcore_format);
  json.AddNumber("vmcore_bytes", vmcore_bytes);
  json.AddText("vmcore_error", vmcore_error);
  json.AddNumber("messages_bytes", messages_bytes);
  json.AddNumber("data_pages", data_pages);
  json.AddNumber("zero_pages", zero_pages);
  json.AddNumber("unreadable_pages", unreadable_pages);
  json.AddNumber("page_bytes", page_bytes);
  json.AddLines("machine_facts", machine_facts);
  json.AddLines("capture", summary);
  return json.Finish();
}

Result<DumpInfo> DumpInfo::Parse(std::string_view json) {
  DumpInfo info;
  info.attempt_id = TRY(FindText(json, "attempt_id"));
  if (const Result<std::string> id = FindText(json, "key_id"); id.ok()) info.key_id = id.value();
  info.release = TRY(FindText(json, "release"));
  info.machine = TRY(FindText(json, "machine"));
  info.crash_time = TRY(FindNumber(json, "crash_time"));
  info.state = TRY(FindText(json, "state"));
  info.reason = TRY(FindText(json, "reason"));
  const uint64_t read_error = TRY(FindNumber(json, "read_error"));
  info.read_error = read_error != 0;
  const std::string vmcore = TRY(FindText(json, "vmcore"));
  size_t kind = 0;
  while (kind < kVmcoreFileNames.size() && vmcore != kVmcoreFileNames[kind]) ++kind;
  if (kind == kVmcoreFileNames.size()) return Error::Format(ErrorCode::kCorrupt, "info.json: unknown \"vmcore\"");
  info.vmcore = static_cast<VmcoreFile>(kind);
  if (const Result<std::string> format = FindText(json, "vmcore_format"); format.ok()) {
    info.vmcore_format = format.value();
  }
  info.vmcore_bytes = TRY(FindNumber(json, "vmcore_bytes"));
  if (const Result<std::string> error = FindText(json, "vmcore_error"); error.ok()) info.vmcore_error = error.value();
  info.messages_bytes = TRY(FindNumber(json, "messages_bytes"));
  info.data_pages = TRY(FindNumber(json, "data_pages"));
  info.zero_pages = TRY(FindNumber(json, "zero_pages"));
  info.unreadable_pages = TRY(FindNumber(json, "unreadable_pages"));
  info.page_bytes = TRY(FindNumber(json, "page_bytes"));
  return info;
}

}  // namespace crashdump
