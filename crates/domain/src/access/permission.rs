//! Permissions: `noun:verb` pairs. There is no wildcard.

macro_rules! permissions {
    ($($variant:ident = $name:literal,)*) => {
        /// Something a principal may do. The names are the contract's (identity §1.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each variant is its printed name")]
        pub enum Permission { $($variant,)* }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The permission of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

permissions! {
    MemoryRead = "memory:read", MemoryWrite = "memory:write",
    SessionRead = "session:read", SessionWrite = "session:write",
    TaskRead = "task:read", TaskWrite = "task:write",
    WorkflowRead = "workflow:read", WorkflowWrite = "workflow:write",
    PatternRead = "pattern:read", PatternWrite = "pattern:write",
    EventRead = "event:read", EventWrite = "event:write",
    ProjectRead = "project:read", ProjectWrite = "project:write",
    FileRead = "file:read", FileWrite = "file:write",
    ScheduleRead = "schedule:read", ScheduleWrite = "schedule:write",
    TaskClaim = "task:claim", WorkflowRun = "workflow:run",
    MemoryReview = "memory:review", SessionAdmin = "session:admin", MemoryManage = "memory:manage",
    TaskManage = "task:manage", WorkflowManage = "workflow:manage",
    PatternManage = "pattern:manage", ProjectManage = "project:manage",
    ApprovalRead = "approval:read", ApprovalDecide = "approval:decide",
    BudgetRead = "budget:read", BudgetSpend = "budget:spend", BudgetManage = "budget:manage",
    PaymentRead = "payment:read", PaymentManage = "payment:manage", WebhookManage = "webhook:manage",
    GuardRead = "guard:read", GuardManage = "guard:manage",
    MetricsRead = "metrics:read", MetricsManage = "metrics:manage", LogsRead = "logs:read",
    TerminalRead = "terminal:read", TerminalRun = "terminal:run",
    AgentRead = "agent:read", AgentManage = "agent:manage",
    TeamRead = "team:read", TeamManage = "team:manage",
    KeyOwn = "key:own", KeyManage = "key:manage",
    UserRead = "user:read", UserManage = "user:manage",
    StatsRead = "stats:read", PostureRead = "posture:read", AuditRead = "audit:read",
    SettingsManage = "settings:manage", ImportRun = "import:run", ExportRun = "export:run",
}

/// A set of permissions, as one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// The set of these.
    #[must_use]
    pub fn of(list: &[Permission]) -> Self {
        list.iter().fold(Self::NONE, |set, permission| set.with(*permission))
    }

    /// This set and one more.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | 1 << permission as u8)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it holds the permission.
    #[must_use]
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether it holds all of the other set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits; equal sets have equal bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The names, in the order of the table.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        Permission::ALL.iter().filter(|one| self.has(**one)).map(|one| one.as_str()).collect()
    }

    /// The set of these names; the first unknown one is the error.
    ///
    /// # Errors
    /// The unknown name.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        names.into_iter().try_fold(Self::NONE, |set, name| {
            Permission::parse(name).map(|one| set.with(one)).ok_or_else(|| name.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_all_fits_and_names_round_trip() {
        let all = Permissions::of(Permission::ALL);
        assert!(Permission::ALL.len() <= 64);
        assert_eq!(all.names().len(), Permission::ALL.len());
        assert_eq!(Permissions::parse(all.names()), Ok(all));
    }

    #[test]
    fn unknown_permission_is_refused() {
        assert_eq!(Permissions::parse(["memory:read", "memory:*"]), Err("memory:*".into()));
        assert_eq!(Permissions::parse(["admin:*"]), Err("admin:*".into()));
    }
}
