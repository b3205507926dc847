// SPDX-License-Identifier: GPL-2.0-or-later
// ObjectWalk: finds the objects of a dump one after another, without index and trailer. Internal to common/format.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "common/format/dump_layout.h"
#include "common/format/object.h"

namespace crashdump {

// Objects follow each other at the next multiple of kObjectAlignment or, behind a flush, of kDiskUnit; first in the
// messages range, then in the data range.
class ObjectWalk {
 public:
  // `reader` must outlive the walk and expect the dump's attempt; other uses of it between two steps are fine.
  ObjectWalk(ObjectReader& reader, const DumpLayout& layout)
      : reader_(reader), layout_(layout), position_(layout.messages.begin) {}

  // Leaves out what is left of the messages range.
  void SkipMessages();

  // The next object, or nothing at the end. Damage in the messages range ends only that range.
  std::optional<OpenedObject> Next(PayloadUse use);

  // Whether the object given last stands in the data range, or the end was reached.
  bool in_data() const { return in_data_; }
  // Where the messages end: behind the last object of their range. Meaningful once in_data().
  uint64_t messages_end() const { return messages_end_; }
  // Behind the last object of the range that the walk is in.
  uint64_t position() const { return position_; }
  // The sequence number that the next object must have.
  uint64_t next_sequence() const { return next_sequence_; }

  // After the walk. Why nothing more was found in the messages range and where the walk ended; kNotFound is how every
  // walk over a whole dump ends.
  const std::optional<Error>& messages_error() const { return messages_error_; }
  const std::optional<Error>& end_error() const { return end_error_; }
  // Sequence numbers were left out between messages and data: objects of the messages are missing.
  bool gap() const { return gap_; }

 private:
  Result<OpenedObject> ReadNext(PayloadUse use);
  Result<> CheckOrder(const OpenedObject& object);
  void EnterData();

  ObjectReader& reader_;
  DumpLayout layout_;
  uint64_t position_;
  uint64_t next_sequence_ = 1;  // the header has 0
  bool in_data_ = false;
  bool first_in_data_ = false;
  bool skipped_ = false;
  bool ended_ = false;
  bool gap_ = false;
  uint64_t messages_end_ = 0;
  std::optional<Error> messages_error_;
  std::optional<Error> end_error_;
};

}  // namespace crashdump
