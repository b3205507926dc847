// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/armed_record.h"

#include "common/base/text_record.h"

namespace crashdump {
namespace {

constexpr std::string_view kArmed = "armed";
constexpr std::string_view kLoading = "loading";
constexpr std::string_view kFileLoad = "kexec_file_load";
constexpr std::string_view kKexecTools = "kexec-tools";

}  // namespace

std::string ArmedRecord::ToText() const {
  TextRecord record;
  record.Add("state", state == ArmedState::kArmed ? kArmed : kLoading);
  record.Add("loaded-by", method == LoadMethod::kFileLoad ? kFileLoad : kKexecTools);
  record.Add("boot-id", boot_id);
  record.AddHex("key-id", key_id);
  record.AddHex("region-id", region_id);
  std::string_view rest = target;
  while (!rest.empty()) {
    const size_t length = rest.find('\n');
    record.Add("target", rest.substr(0, length));
    rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
  }
  return record.ToString();
}

Result<ArmedRecord> ArmedRecord::Parse(std::string_view text) {
  const TextRecord record = TRY(TextRecord::Parse(text));
  ArmedRecord armed;
  const std::string_view state = TRY(record.Text("state"));
  if (state != kArmed && state != kLoading) {
    return Error::Format(ErrorCode::kCorrupt, "\"state\" is neither \"armed\" nor \"loading\"");
  }
  armed.state = state == kArmed ? ArmedState::kArmed : ArmedState::kLoading;
  const std::string_view method = TRY(record.Text("loaded-by"));
  if (method != kFileLoad && method != kKexecTools) {
    return Error::Format(ErrorCode::kCorrupt, "\"loaded-by\" is neither \"kexec_file_load\" nor \"kexec-tools\"");
  }
  armed.method = method == kFileLoad ? LoadMethod::kFileLoad : LoadMethod::kKexecTools;
  armed.boot_id = TRY(record.Text("boot-id"));
  TRY(record.Hex("key-id", armed.key_id));
  TRY(record.Hex("region-id", armed.region_id));
  for (const std::string_view line : record.FindAll("target")) {
    armed.target.append(line);
    armed.target.push_back('\n');
  }
  return armed;
}

Result<std::optional<ArmedRecord>> ReadArmedRecord(const StateDirectory& run) {
  const std::optional<std::string> text = TRY(run.Read(kArmedRecordName), "record of the loaded image");
  if (!text) return std::optional<ArmedRecord>();
  return std::optional<ArmedRecord>(TRY(ArmedRecord::Parse(*text), "record of the loaded image"));
}

std::optional<DumpId> LoadedKey(const std::optional<ArmedRecord>& record, std::string_view boot_id) {
  if (!record || record->state != ArmedState::kArmed || record->boot_id != boot_id) return std::nullopt;
  return record->key_id;
}

}  // namespace crashdump
