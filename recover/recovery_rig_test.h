// SPDX-License-Identifier: GPL-2.0-or-later
// RecoveryRig: a disk with a region, key records, and a crash directory, for tests that recover.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/io.h"
#include "common/base/parse.h"
#include "common/crypto/crypto.h"
#include "common/testing/dump_builder.h"
#include "common/testing/fake_block_device.h"
#include "common/testing/fake_state_directory.h"
#include "common/testing/temp_directory.h"
#include "common/vmcore/vmcore.h"
#include "recover/collector.h"
#include "recover/local_dumps.h"

namespace crashdump {

class RecoveryRig {
 public:
  static constexpr uint32_t kPage = 4096;
  static constexpr Range kRegion{kMiB, 13 * kMiB};
  static constexpr uint64_t kExtentBytes = 2 * kMiB;
  static constexpr uint32_t kChunkPages = ChunkBuilder::MaxPages(kPage);
  static constexpr const char* kOtherBoot = "11111111-2222-3333-4444-000000000001";
  static constexpr const char* kThisBoot = "11111111-2222-3333-4444-000000000002";

  RecoveryRig() {
    InitializeCrypto().TakeValue();
    UseDevice(FakeBlockDevice(16 * kMiB));
  }

  // Replaces the disk: its contents after a repair, say.
  void UseDevice(const FakeBlockDevice& device) { device_ = std::make_unique<FakeBlockDevice>(device); }
  FakeBlockDevice& device() { return *device_; }
  KeyStore keys() { return KeyStore(keys_directory_); }
  FakeStateDirectory& keys_directory() { return keys_directory_; }
  const std::string& crash_directory() const { return crash_.path(); }
  const TempDirectory& crash() const { return crash_; }

  // Stores the record of an arming with keys from `seed`; the n-th arming has the n-th places of the region.
  KeyRecord AddRecord(uint8_t seed, uint64_t n = 0) {
    KeyRecord record;
    record.credentials = TestCredentials(seed);
    record.slot_index = static_cast<uint32_t>(n);
    record.extent = {kDiskUnit + n * 3 * kMiB, kDiskUnit + n * 3 * kMiB + kExtentBytes};
    record.slot_offset = record.extent.end;
    record.boot_id = kOtherBoot;
    record.swap_uuid = "11223344-5566-4788-99aa-bbccddeeff01";
    record.hints = {{"region-begin", std::to_string(kRegion.begin)},
                    {"region-end", std::to_string(kRegion.end)},
                    {"device-size", std::to_string(16 * kMiB)},
                    {"start-sector", "2048"},
                    {"logical-block-size", "512"},
                    {"serial", "SERIAL-1"}};
    keys().Put(record).TakeValue();
    return record;
  }

  // A dump under the record's keys, at its places: five chunks of one run of data each, and one of
  // zero pages.
  static DumpPlan PlanFor(const KeyRecord& record, uint8_t id = 0xA1, uint32_t attempt = 1) {
    DumpPlan plan = RegionPlan(0, kExtentBytes, attempt);
    plan.credentials = record.credentials.Copy();
    plan.parameters.layout = record.Layout(attempt);
    plan.parameters.attempt_id.fill(id);
    if (attempt == 2) return plan;
    plan.pages_per_chunk = kChunkPages;
    for (uint64_t chunk = 0; chunk < 5; ++chunk) {
      plan.pages.push_back({PageKind::kData, 0x1000 + chunk * 0x100, kChunkPages});
    }
    plan.pages.push_back({PageKind::kZero, 0x2000, 7});
    return plan;
  }
  // The bytes of a dump, from the region's first byte on.
  void Place(const std::vector<uint8_t>& dump) { device_->Poke(kRegion.begin, dump); }
  void Place(const DumpPlan& plan) {
    // Only what this dump wrote: others may be there already.
    const std::vector<uint8_t> dump = BuildDump(plan);
    const DumpLayout& layout = plan.parameters.layout;
    const Range places[] = {{layout.header, layout.header + kDiskUnit},
                            {layout.trailer, layout.trailer + kDiskUnit},
                            layout.messages,
                            layout.data};
    for (const Range& place : places) {
      if (place.begin >= dump.size()) continue;
      const Bytes bytes = Bytes(dump).subspan(static_cast<size_t>(place.begin));
      device_->Poke(kRegion.begin + place.begin,
                    bytes.first(static_cast<size_t>(std::min<uint64_t>(bytes.size(), place.size()))));
    }
  }

  // `crashdump recover` without what it does to the machine. Free space is `free_bytes` short of what there is.
  std::vector<RecoverNote> Recover(uint64_t minimum_free = 0) {
    return RecoverAs({.boot_id = kThisBoot}, minimum_free);
  }
  std::vector<RecoverNote> RecoverAs(BootFacts boot, uint64_t minimum_free = 0, const char* serial = "SERIAL-1") {
    return RecoverFrom(Devices(serial), boot, minimum_free);
  }
  std::vector<RecoverDevice> Devices(const char* serial = "SERIAL-1") const {
    std::vector<RecoverDevice> devices;
    devices.push_back({Identity(serial), std::make_unique<FakeBlockDevice>(*device_)});
    return devices;
  }
  // `crashdump recover --dry-run`.
  std::vector<RecoverNote> Preview(uint64_t minimum_free = 0) {
    Publisher publisher = Publisher::OpenForPreview(crash_.path(), minimum_free).TakeValue();
    KeyStore store = keys();
    const std::vector<RecoverDevice> devices = Devices();
    return Collector(store, publisher, devices, make_dumps()).Preview().TakeValue();
  }
  std::vector<RecoverNote> RecoverFrom(const std::vector<RecoverDevice>& devices, BootFacts boot,
                                       uint64_t minimum_free = 0) {
    Publisher publisher = OpenPublisher(minimum_free);
    publisher.RemoveLeftovers().TakeValue();
    KeyStore store = keys();
    Collector collector(store, publisher, devices, make_dumps());
    std::vector<RecoverNote> notes = collector.Run().TakeValue();
    const Result<> deleted = collector.DeleteDeadKeys(boot);
    if (!deleted.ok()) notes.push_back({RecoverNote::Kind::kFailed, deleted.error().text()});
    return notes;
  }
  // In which form memory is published. ELF by default, which the project's own reader reads back.
  void UseOptions(const PublishOptions& options) { options_ = options; }
  // Instead of those of this process.
  void UseDumps(MakeRegionDumps make_dumps) { make_dumps_ = std::move(make_dumps); }
  MakeRegionDumps make_dumps() const {
    if (make_dumps_) return make_dumps_;
    return [this](const RecoverDevice&, const ByteSource& region, const KeyRecord& record) {
      return MakeLocalDumps(region, record, options_);
    };
  }
  Publisher OpenPublisher(uint64_t minimum_free = 0) const {
    return Publisher::Open(crash_.path(), minimum_free, Host(), reports_).TakeValue();
  }
  // Where the other report is put. Into the crash directory by default, where a second one would be seen.
  void UseReports(ReportPlace reports) { reports_ = reports; }
  static HostFacts Host() {
    return {.distribution = "Debian GNU/Linux 12", .architecture = "amd64", .package_version = [](const std::string&) {
              return std::string("6.1.1-1");
            }};
  }
  static DeviceIdentity Identity(const char* serial = "SERIAL-1") {
    DeviceIdentity identity;
    identity.name = "vda2";
    identity.disk_name = "vda";
    identity.size = 16 * kMiB;
    identity.logical_block_size = 512;
    identity.start_sector = 2048;
    identity.serial = serial;
    return identity;
  }

  // What is below the crash directory, files with their contents, directories with a slash behind.
  std::map<std::string, std::string> Tree() const {
    std::map<std::string, std::string> tree;
    AddTree("", tree);
    return tree;
  }
  // The names of the published dumps, leftovers included.
  std::vector<std::string> Dumps() const {
    const Result<UniqueFd> directory = OpenFile(crash_.Path("kernel/dumps").c_str(), O_RDONLY | O_DIRECTORY);
    return directory.ok() ? NamesInDirectory(directory.value().get()).TakeValue() : std::vector<std::string>();
  }
  std::vector<std::string> Reports() const {
    const UniqueFd directory = OpenFile(crash_.path().c_str(), O_RDONLY | O_DIRECTORY).TakeValue();
    std::vector<std::string> names = NamesInDirectory(directory.get()).TakeValue();
    std::erase_if(names, [](const std::string& name) { return name == "kernel"; });
    return names;
  }
  std::string DumpFile(const std::string& dump, const std::string& name) const {
    return crash_.Path("kernel/dumps/" + dump + "/" + name);
  }
  DumpInfo Info(const std::string& dump) const {
    return DumpInfo::Parse(ReadTextFile(DumpFile(dump, kDumpInfoName).c_str(), kDumpInfoLimit).TakeValue()).TakeValue();
  }
  // The data pages that the published vmcore has, each of which must be as planned; zero pages must be zero.
  std::set<uint64_t> RightPages(const std::string& dump, const DumpPlan& plan) const {
    std::set<uint64_t> pages;
    const Result<Vmcore> vmcore = Vmcore::Open(DumpFile(dump, "vmcore").c_str());
    if (!vmcore.ok()) return pages;
    uint64_t bytes = 0;
    for (const auto& load : vmcore.value().loads()) bytes += load.physical().size();
    uint64_t found = 0;
    for (const PlannedPages& run : plan.pages) {
      for (uint64_t pfn = run.first_pfn; pfn < run.first_pfn + run.page_count; ++pfn) {
        std::vector<uint8_t> page(kPage);
        if (!vmcore.value().ReadPhysical(pfn * kPage, page).ok()) continue;
        ++found;
        if (run.kind == PageKind::kData) {
          EXPECT_EQ(page, TestPage(pfn, kPage)) << pfn;
          pages.insert(pfn);
        } else {
          EXPECT_TRUE(AllZero(page)) << pfn;
        }
      }
    }
    EXPECT_EQ(bytes, found * kPage) << "the vmcore has pages that were never saved";
    return pages;
  }

 private:
  void AddTree(const std::string& below, std::map<std::string, std::string>& tree) const {
    const std::string path = below.empty() ? crash_.path() : crash_.Path(below);
    const UniqueFd directory = OpenFile(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW).TakeValue();
    for (const std::string& name : NamesInDirectory(directory.get()).TakeValue()) {
      const std::string inner = below.empty() ? name : std::string(below).append("/").append(name);
      struct stat status {};
      EXPECT_EQ(lstat(crash_.Path(inner).c_str(), &status), 0);
      if (S_ISDIR(status.st_mode)) {
        tree[inner + "/"] = "";
        AddTree(inner, tree);
      } else if (S_ISREG(status.st_mode)) {
        tree[inner] = ReadTextFile(crash_.Path(inner).c_str(), 64 * kMiB).TakeValue();
      } else {
        tree[inner] = "(neither)";
      }
    }
  }

  std::unique_ptr<FakeBlockDevice> device_;
  FakeStateDirectory keys_directory_;
  TempDirectory crash_;
  MakeRegionDumps make_dumps_;
  PublishOptions options_ = {.format = VmcoreFormat::kElf};
  ReportPlace reports_ = ReportPlace::kApport;
};

inline unsigned CountOf(const std::vector<RecoverNote>& notes, RecoverNote::Kind kind) {
  return static_cast<unsigned>(
      std::count_if(notes.begin(), notes.end(), [kind](const RecoverNote& note) { return note.kind == kind; }));
}

}  // namespace crashdump
