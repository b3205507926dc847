// SPDX-License-Identifier: GPL-2.0-or-later
// DumpVerifier: sees the objects of a dump in order and judges what one alone does not show: that none is missing, that
// no page comes twice, that index and trailer tell the truth. Internal to common/format.
#pragma once

#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/crypto.h"
#include "common/format/chunk.h"
#include "common/format/dump_reader.h"
#include "common/format/object.h"
#include "common/format/object_walk.h"
#include "common/format/pfn_set.h"

namespace crashdump {

class DumpVerifier {
 public:
  DumpVerifier(const DumpHeader& header, const Hash& header_tag);

  // Takes the next object of the walk. An error (kCorrupt) means that nothing of it may be handed out and that the walk
  // ends before it. After success runs() are its pages, if it is a chunk; they borrow the object's payload.
  Result<> Check(const OpenedObject& object);
  const std::vector<ChunkRun>& runs() const { return runs_; }

  // The judgement. `refused` is the error of Check() that ended the walk, if one did; without a trailer,
  // `trailer_error` says why there is none.
  DumpVerdict Judge(const ObjectWalk& walk, const std::optional<DumpTrailer>& trailer,
                    const std::optional<Error>& trailer_error, const std::optional<Error>& refused) const;

 private:
  Result<> CheckChunk(const OpenedObject& object);
  Result<> CheckIndex(const OpenedObject& object);
  std::optional<Error> Contradiction(const ObjectWalk& walk, const DumpTrailer& trailer) const;

  HashStream tags_;
  DumpHeader header_;
  uint64_t objects_ = 1;
  uint64_t stopped_at_ = 0;  // offset of the object that was refused
  uint64_t chunks_ = 0;
  uint64_t data_pages_ = 0;
  uint64_t zero_pages_ = 0;
  uint64_t unreadable_pages_ = 0;
  uint64_t last_index_offset_ = 0;
  uint64_t summary_offset_ = 0;
  PfnSet pages_;
  std::vector<ChunkRun> runs_;
  std::vector<IndexEntry> unindexed_;  // chunks since the last index segment
};

// The entry that an index must hold for a chunk with these runs.
IndexEntry IndexEntryOf(const OpenedObject& object, const std::vector<ChunkRun>& runs);

}  // namespace crashdump
