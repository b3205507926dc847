// SPDX-License-Identifier: GPL-2.0-or-later
// DumpLedger: the oracle over a LifeCycleWorld. It keeps books of what every crash has written and what is owed for it,
// and finds whatever docs/architecture.md says must never happen. It knows the region's layout from
// docs/region-format.md, not from the code.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/testing/life_cycle_world.h"
#include "cli/testing/published_dump.h"
#include "cli/testing/world_capture.h"
#include "common/format/dump_credentials.h"
#include "common/format/dump_layout.h"

namespace crashdump {

class DumpLedger {
 public:
  // Watches the world's state directories.
  explicit DumpLedger(LifeCycleWorld& world);

  // How often something has been seen, by its name, so that a test can tell whether it has been anywhere.
  using Counts = std::map<std::string, uint64_t>;
  const Counts& counts() const { return counts_; }
  // The first thing that must never happen, and did, and what of the three that there are it is.
  enum class Harm : uint8_t { kLost, kWrongBytes, kOutside };
  const std::optional<std::string>& violation() const { return violation_; }
  Harm harm() const { return harm_; }
  void Violate(const std::string& what, Harm harm = Harm::kLost);

  // After each action.
  void Check();
  // Whether a panic now must be captured: an image is loaded, and nothing that its proof asks about has changed since.
  // Else it must write nothing. Wants a Check() since the image was loaded.
  bool MustCapture() const;
  // After it, and after what a power cut has taken.
  void AddCapture(const CaptureRecord& record, bool must_capture);

  // A kernel has ended, and its image with it; it may come back.
  void NoteEnd() { loaded_.reset(); }
  // What was not flushed and not promised may be gone.
  void NotePowerCut();
  // A mkswap: from now on swap may take the bytes of all dumps that are there.
  void Expose();
  void SwapWrote(const std::vector<Range>& ranges);
  // Other installations than `owner` are owed nothing any more, at least not what a mkswap has exposed.
  enum class Which : uint8_t { kAll, kExposed };
  void ForfeitAllBut(unsigned owner, Which which);
  // This installation has given its dumps up: those without a key record, or, if nobody knows how far it came, all.
  void ForfeitOf(unsigned installation, bool all);

  // From now on recover may remove what is paid, as long as so many dumps of the installation stay published.
  void AllowRemovals(uint64_t keep) { least_kept_ = keep; }

  // Dumps that are still owed.
  unsigned OwedTo(unsigned installation) const;
  // Pages of the device, one in the places of each dump that is owed.
  std::vector<uint64_t> SomeOwedPages() const;

 private:
  // Everything on the disk that a proof compares.
  using Proven = std::vector<std::vector<uint8_t>>;
  // An image, as it was loaded.
  struct Arming {
    DumpId key_id{};
    unsigned installation = 0;
    bool key_is_gone = false;    // another boot has deleted it while this one slept
    Range region, slot, extent;  // of the device
    std::string serial;
    Proven proven;
  };
  enum class Debt : uint8_t { kNone, kOwed, kPaid, kForfeited };
  // An attempt that has written something.
  struct Dump {
    std::string name;  // for people
    unsigned installation = 0;
    DumpCredentials credentials;
    DumpLayout layout;
    Range region;
    std::string attempt_id;  // hex
    std::shared_ptr<const testing::SampleVmcore> vmcore;
    std::string messages;
    Debt debt = Debt::kNone;
    bool committed = false;  // and as it was then
    bool exposed = false;
    uint64_t owed_pages = 0;
    // What must stay on the disk as long as it is owed: blocks by their offsets.
    std::map<uint64_t, std::vector<uint8_t>> blocks;
  };
  struct Publication {
    std::string attempt_id;
    bool pays = false;  // all that is owed
  };

  Proven ReadProven(const Range& region) const;
  bool HasKey(const Arming& arming) const;
  // Of the image that is in memory.
  const DumpId& ImageKey();
  void NoteArming();
  // Whenever anybody touches a key, not only when he is done.
  void CheckLoadedKey();
  void CheckWrites(const AttemptRecord& attempt, const CaptureRecord& record);
  void AddAttempt(const AttemptRecord& attempt, const CaptureRecord& record);
  // Pages that can be read from the dump now; nothing if there is no dump. Keeps of the pages' blocks those that serve.
  std::optional<uint64_t> Walk(Dump& dump) const;
  // Of the pages that were not committed, forgets the blocks that are not there any more.
  void KeepWhatIsThere(Dump& dump) const;
  void CheckPublications(unsigned installation);
  Publication CheckPublication(const Dump& dump, const PublishedDump& published);
  void CheckDebts();
  bool MayHaveBeenRemoved(const Dump& dump) const;

  LifeCycleWorld& world_;
  std::map<DumpId, Arming> armings_;  // by key id
  std::optional<DumpId> loaded_;
  std::string image_;  // the initramfs that was looked into last
  DumpId image_key_{};
  std::vector<Dump> dumps_;
  std::map<unsigned, std::vector<Publication>> publications_;  // by installation
  std::map<unsigned, uint64_t> seen_changes_;
  std::optional<uint64_t> least_kept_;
  std::optional<std::string> violation_;
  Harm harm_ = Harm::kLost;
  Counts counts_;
};

}  // namespace crashdump
