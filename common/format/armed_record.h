// SPDX-License-Identifier: GPL-2.0-or-later
// ArmedRecord: which image this boot has loaded, in /run/crashdump/armed. Written by load, read by status, unload and
// by everyone who wants to delete a key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/format/dump_format.h"

namespace crashdump {

enum class ArmedState : uint8_t {
  kLoading,  // the kernel was about to be asked: this image, or the one before it, or none is loaded
  kArmed,    // this image is loaded
};

// Who has put it into the crash reservation.
enum class LoadMethod : uint8_t {
  kFileLoad,    // this program, with kexec_file_load(2)
  kKexecTools,  // kexec-tools, with kexec_load(2)
};

struct ArmedRecord {
  ArmedState state = ArmedState::kLoading;
  LoadMethod method = LoadMethod::kFileLoad;
  std::string boot_id;
  DumpId key_id{};
  DumpId region_id{};
  std::string target;  // the target description that the image carries; text of several lines

  bool operator==(const ArmedRecord&) const = default;

  std::string ToText() const;
  static Result<ArmedRecord> Parse(std::string_view text);
};

// Name of the record in the state directory /run/crashdump.
inline constexpr const char* kArmedRecordName = "armed";

// Nothing if there is no record.
Result<std::optional<ArmedRecord>> ReadArmedRecord(const StateDirectory& run);

// The key of the image that this boot has loaded last; nothing if that is not known for sure. `boot_id` is the running
// boot's.
std::optional<DumpId> LoadedKey(const std::optional<ArmedRecord>& record, std::string_view boot_id);

}  // namespace crashdump
