// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/testing/life_cycle_world.h"

#include <sys/file.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "cli/recover_and_arm.h"
#include "cli/recovered_hooks.h"
#include "common/base/io.h"
#include "common/crypto/crypto.h"
#include "common/testing/swap_builder.h"
#include "loader/arm.h"
#include "loader/configuration.h"
#include "loader/unload.h"
#include "recover/local_dumps.h"
#include "recover/retention.h"

namespace crashdump {
namespace {

constexpr uint32_t kPage = 4096;

std::vector<uint8_t> RandomPage(Random& random) {
  std::vector<uint8_t> page(kPage);
  for (size_t i = 0; i < kPage; i += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    memcpy(page.data() + i, &word, sizeof(word));
  }
  return page;
}

}  // namespace

LifeCycleWorld::LifeCycleWorld(uint64_t seed) : random_(seed), randomness_(seed) {
  InitializeCrypto().TakeValue();
  SwapBuilder().WriteTo(disk_);
  disk_.KeepDataInLog(false);
  disk_.ConnectTo(&power_);
  run_.ConnectTo(&power_);
  power_.AtCut([this] {
    if (has_recovered_) active_installation().var.Freeze();
  });
  machine_.Write(std::string(kRunPath) + "/lock", "");
  for (Installation& installation : installations_) {
    installation.keys.BeforeEach([this] { BeforeStateOperation(); });
    installation.regions.BeforeEach([this] { BeforeStateOperation(); });
  }
  run_.BeforeEach([this] { BeforeStateOperation(); });
  SetDisk(InPlace::kDisk);
  Configure();
}

void LifeCycleWorld::BeforeStateOperation() {
  if (power_.on() && watch_) watch_();
  if (power_.on() && meanwhile_) meanwhile_();
}

Uuid LifeCycleWorld::SwapUuid() {
  const std::vector<uint8_t> bytes = disk().Peek(1036, 16);
  Uuid uuid{};
  std::copy(bytes.begin(), bytes.end(), uuid.begin());
  return uuid;
}

bool LifeCycleWorld::HasSoundSwap() {
  if (LastPage() == kDeviceBytes / kPage - 1) return true;
  const Result<SwapHeader> header = ReadSwapHeader(disk(), kPage);
  if (!header.ok()) return false;
  const Result<Stamp> stamp = ReadStamps(disk(), header.value());
  return stamp.ok() && active_installation().regions.files().contains(RegionStore::FileName(stamp.value().region_id));
}

uint32_t LifeCycleWorld::LastPage() {
  uint32_t last_page = 0;
  memcpy(&last_page, disk().Peek(kLastPageOffset, sizeof(last_page)).data(), sizeof(last_page));
  return last_page;
}

bool LifeCycleWorld::Run(const Interruption& interruption, const std::function<void()>& program) {
  power_.TurnOn();
  if (interruption.ending != Ending::kDone) power_.CutAt(interruption.step, interruption.moment);
  program();
  const bool cut = !power_.on();
  steps_ = power_.steps();
  power_.TurnOn();
  if (cut && interruption.ending == Ending::kKilled) active_installation().var.Kill();
  return cut;
}

void LifeCycleWorld::StopKernel() { StopKernel(random_.Next()); }

void LifeCycleWorld::StopKernel(uint64_t choice) {
  if (has_recovered_) active_installation().var.LosePower(choice);
  has_recovered_ = false;
  SwapOff();
}

void LifeCycleWorld::LosePower() {
  constexpr std::array kSurvivors{FakeBlockDevice::Survivors::kNone, FakeBlockDevice::Survivors::kAll,
                                  FakeBlockDevice::Survivors::kPrefix, FakeBlockDevice::Survivors::kRandom,
                                  FakeBlockDevice::Survivors::kRandom};
  const FakeBlockDevice::Survivors survivors = random_.Of(kSurvivors);
  const bool is_prefix = survivors == FakeBlockDevice::Survivors::kPrefix;
  LosePower({survivors, is_prefix ? random_.Below(disk().unflushed_writes() + 1) : random_.Next()});
}

void LifeCycleWorld::LosePower(const PowerLoss& loss) {
  StopKernel(loss.choice);
  disk().LoseCache(loss.survivors, loss.choice);
  machine_.image.reset();
}

void LifeCycleWorld::Boot(unsigned installation) {
  machine_.Reboot();
  run_.files().clear();
  active_ = installation;
}

void LifeCycleWorld::Hibernate() {
  asleep_ = Asleep{.installation = active_,
                   .boot_id = machine_.ReadText("/proc/sys/kernel/random/boot_id").TakeValue(),
                   .image = machine_.image,
                   .run_files = run_.files()};
  StopKernel();
}

void LifeCycleWorld::Resume() {
  Boot(asleep_->installation);
  machine_.Write("/proc/sys/kernel/random/boot_id", asleep_->boot_id);
  machine_.SetImage(asleep_->image);
  run_.files() = asleep_->run_files;
  asleep_.reset();
}

Result<UniqueFd> LifeCycleWorld::Lock() const {
  const DiskStateDirectory directory = TRY(DiskStateDirectory::Open(machine_.Path(kRunPath).c_str()));
  return TakeLock(directory);
}

bool LifeCycleWorld::IsLocked() const {
  const std::string path = machine_.Path(std::string(kRunPath) + "/lock");
  const UniqueFd lock = OpenFile(path.c_str(), O_RDWR | O_CREAT).TakeValue();
  return flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

Result<> LifeCycleWorld::Prepare(PrepareAction action, UnrecoveredDumps unrecovered, uint64_t reserve) {
  const UniqueFd lock = TRY(Lock());
  PrepareOptions options;
  options.swap_uuid = SwapUuid();
  options.action = action;
  options.unrecovered = unrecovered;
  options.active_swap = ActiveSwapPolicy::kSwapOff;
  if (action == PrepareAction::kPrepare) options.reserve = reserve;
  TRY(PrepareSwap(machine_, state(), options));
  return {};
}

Result<> LifeCycleWorld::Load() {
  const UniqueFd lock = TRY(Lock());
  const Configuration configuration = TRY(ReadConfiguration(machine_, kConfigurationPath));
  TRY(Arm(machine_, state(), configuration));
  return {};
}

Result<> LifeCycleWorld::Unload() {
  const UniqueFd lock = TRY(Lock());
  TRY(UnloadOwnImage(machine_, run_));
  return {};
}

Result<> LifeCycleWorld::Recover(uint64_t minimum_free, Then then, const Retention& retention) {
  has_recovered_ = true;
  const std::string crash_directory = active_installation().var.path() + "/crash";
  Publisher publisher = TRY(Publisher::Open(crash_directory, minimum_free,
                                            {.distribution = "Debian GNU/Linux 12",
                                             .architecture = "amd64",
                                             .package_version = [](const std::string&) { return std::string(); }},
                                            ReportPlace::kApport));
  const MakeRegionDumps make_dumps = [](const RecoverDevice&, const ByteSource& region, const KeyRecord& record) {
    return MakeLocalDumps(region, record, {.format = VmcoreFormat::kElf, .encode = {}, .progress = {}});
  };
  std::vector<RecoverDevice> devices;
  devices.reserve(machine_.devices.size());
  for (const FakeMachine::Device& device : machine_.devices) {
    devices.push_back({device.identity, TRY(machine_.OpenDevice(device.identity, OpenMode::kReadOnly))});
  }
  const auto take_lock = [this] { return Lock(); };
  const std::vector<RecoverNote> notes =
      TRY(RecoverDumps(machine_, state(), publisher, devices, make_dumps, take_lock));
  const KeyStore keys(active_installation().keys);
  TRY(ApplyRetention(crash_directory, retention, keys, notes, RetentionMode::kRemove));
  if (then == Then::kArm) TRY(ArmAgain(machine_, state(), notes, take_lock));
  // There are none; that they have been asked is what lets a dump go later.
  TRY(AnnounceDumps(crash_directory, {.directory = crash_directory + "/hooks"}));
  return {};
}

void LifeCycleWorld::MakeSwap(bool keeps_uuid) {
  SwapOff();
  SwapBuilder swap;
  swap.last_page = static_cast<uint32_t>(kDeviceBytes / kPage - 1);
  swap.uuid = SwapUuid();
  if (!keeps_uuid) {
    for (uint8_t& byte : swap.uuid) byte = static_cast<uint8_t>(random_.Next());
  }
  disk().WriteAt(0, swap.Build()).TakeValue();
  disk().Flush().TakeValue();
}

void LifeCycleWorld::SwapOn() {
  if (HasDisk() && ReadSwapHeader(disk(), kPage).ok()) {
    machine_.SetSwaps({{"/dev/" + identity_.name, identity_.device_number, 0, -2}});
  }
}

std::vector<Range> LifeCycleWorld::Swap(const std::vector<uint64_t>& wanted_pages) {
  std::vector<Range> written;
  if (!SwapIsActive()) return written;
  const uint64_t pages = LastPage();
  std::vector<uint64_t> chosen{1 + random_.Below(pages), 1 + random_.Below(pages)};
  for (const uint64_t page : wanted_pages) {
    if (page >= 1 && page <= pages) chosen.push_back(page);
  }
  for (const uint64_t page : chosen) {
    disk().WriteAt(page * kPage, RandomPage(random_)).TakeValue();
    written.push_back({page * kPage, (page + 1) * kPage});
  }
  return written;
}

void LifeCycleWorld::Configure() { machine_.Write(kConfigurationPath, "TARGET=UUID=" + FormatUuid(SwapUuid()) + "\n"); }

void LifeCycleWorld::SetDisk(InPlace in_place, const char* serial) {
  in_place_ = in_place;
  identity_ = FakeMachine::Identity(disk());
  identity_.serial = HasOldCopy() ? "SERIAL-OF-THE-COPY" : serial;
  machine_.devices.clear();
  if (HasDisk()) machine_.devices.push_back({identity_, &disk()});
}

}  // namespace crashdump
