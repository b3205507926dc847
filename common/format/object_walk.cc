// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/format/object_walk.h"

#include <cinttypes>

namespace crashdump {
namespace {

bool BelongsIntoMessages(ObjectType type) {
  return type == ObjectType::kMachineFacts || type == ObjectType::kVmcoreinfo || type == ObjectType::kMessages ||
         type == ObjectType::kSummary;
}

bool BelongsIntoData(ObjectType type) {
  return type == ObjectType::kElfNotes || type == ObjectType::kChunk || type == ObjectType::kIndex ||
         type == ObjectType::kSummary;
}

}  // namespace

void ObjectWalk::EnterData() {
  messages_end_ = position_;
  in_data_ = true;
  first_in_data_ = true;
  position_ = layout_.data.begin;
}

void ObjectWalk::SkipMessages() {
  if (in_data_) return;
  skipped_ = true;
  EnterData();
}

Result<> ObjectWalk::CheckOrder(const OpenedObject& object) {
  const auto wrong = [&object](const char* fact) {
    return Error::Format(ErrorCode::kCorrupt, "%s at offset %" PRIu64 ": %s", ObjectTypeName(object.type),
                         object.offset, fact);
  };
  if (!(in_data_ ? BelongsIntoData(object.type) : BelongsIntoMessages(object.type))) return wrong("not in this range");
  // Damage in the messages hides how many objects they had: there the data range may begin with a later number.
  const bool may_jump = first_in_data_ && object.sequence > next_sequence_;
  if (object.sequence != next_sequence_ && !may_jump) return wrong("not in its turn");
  if (may_jump && !skipped_) gap_ = true;
  return {};
}

Result<OpenedObject> ObjectWalk::ReadNext(PayloadUse use) {
  const Range& range = in_data_ ? layout_.data : layout_.messages;
  const uint64_t next = AlignUp(position_, kObjectAlignment);
  const uint64_t next_unit = AlignUp(position_, kDiskUnit);
  Result<OpenedObject> object = reader_.Read(next, range.end, use);
  if (!object.ok() && object.error().code() == ErrorCode::kNotFound && next_unit != next) {
    const Result<OpenedObject> behind_flush = reader_.Read(next_unit, range.end, use);
    // The first place is the more telling one if nothing is at either.
    if (behind_flush.ok() || behind_flush.error().code() != ErrorCode::kNotFound) object = behind_flush;
  }
  if (!object.ok()) return object;
  TRY(CheckOrder(object.value()));
  return object;
}

std::optional<OpenedObject> ObjectWalk::Next(PayloadUse use) {
  if (ended_) return std::nullopt;
  Result<OpenedObject> object = ReadNext(use);
  if (!object.ok() && !in_data_) {
    messages_error_ = object.error();
    EnterData();
    object = ReadNext(use);
  }
  if (!object.ok()) {
    end_error_ = object.error();
    ended_ = true;
    return std::nullopt;
  }
  first_in_data_ = false;
  position_ = object.value().end;
  next_sequence_ = object.value().sequence + 1;
  return object.TakeValue();
}

}  // namespace crashdump
