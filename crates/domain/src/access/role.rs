//! Roles: the table of contract identity §1.1. No role name stands in code outside this file.

use super::permission::{
    Permission,
    Permission::{
        AgentManage, AgentRead, ApprovalDecide, ApprovalRead, AuditRead, BudgetManage, BudgetRead, BudgetSpend,
        EventRead, EventWrite, ExportRun, FileRead, FileWrite, GuardManage, GuardRead, ImportRun, KeyManage, KeyOwn,
        LogsRead, MemoryManage, MemoryRead, MemoryReview, MemoryWrite, MetricsManage, MetricsRead, PatternManage,
        PatternRead, PatternWrite, PaymentManage, PaymentRead, PostureRead, ProjectManage, ProjectRead, ProjectWrite,
        ScheduleRead, ScheduleWrite, SessionAdmin, SessionRead, SessionWrite, SettingsManage, StatsRead, TaskClaim,
        TaskManage, TaskRead, TaskWrite, TeamManage, TeamRead, TerminalRead, UserManage, UserRead, WebhookManage,
        WorkflowManage, WorkflowRead, WorkflowRun, WorkflowWrite,
    },
    Permissions,
};

/// A named set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees what is visible to it.
    Reader,
    /// Works: creates, claims, spends.
    Agent,
    /// Runs the place: reviews, budgets, audit.
    Operator,
    /// Everything but other principals' private rows; people only.
    Admin,
}

const READER: &[Permission] = &[
    MemoryRead,
    SessionRead,
    TaskRead,
    WorkflowRead,
    PatternRead,
    EventRead,
    ProjectRead,
    FileRead,
    ScheduleRead,
    ApprovalRead,
    BudgetRead,
    GuardRead,
    MetricsRead,
    AgentRead,
    TeamRead,
    KeyOwn,
];
const AGENT: &[Permission] = &[
    MemoryWrite,
    SessionWrite,
    TaskWrite,
    WorkflowWrite,
    PatternWrite,
    EventWrite,
    ProjectWrite,
    FileWrite,
    ScheduleWrite,
    TaskClaim,
    WorkflowRun,
    BudgetSpend,
];
const OPERATOR: &[Permission] = &[
    MemoryReview,
    SessionAdmin,
    TaskManage,
    WorkflowManage,
    PatternManage,
    ProjectManage,
    ApprovalDecide,
    BudgetManage,
    PaymentRead,
    PaymentManage,
    WebhookManage,
    MetricsManage,
    LogsRead,
    TerminalRead,
    AgentManage,
    TeamManage,
    UserRead,
    StatsRead,
    PostureRead,
    AuditRead,
    ExportRun,
];
const ADMIN: &[Permission] = &[MemoryManage, GuardManage, KeyManage, UserManage, SettingsManage, ImportRun];

/// What an API key never carries: these need a person, or the local operator.
pub const NEVER_IN_A_KEY: &[Permission] = &[UserManage, KeyManage, SettingsManage];

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: &'static [Self] = &[Self::Reader, Self::Agent, Self::Operator, Self::Admin];

    /// Roles that an agent may have.
    pub const OF_AGENTS: &'static [&'static str] = &["reader", "agent", "operator"];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Agent => "agent",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == name)
    }

    /// What it may do.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let own = |list| Permissions::of(list);
        match self {
            Self::Reader => own(READER),
            Self::Agent => own(AGENT).or(Self::Reader.permissions()),
            Self::Operator => own(OPERATOR).or(Self::Agent.permissions()),
            Self::Admin => own(ADMIN).or(Self::Operator.permissions()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_run_is_in_no_role_and_everything_else_is_in_admin() {
        let missing: Vec<_> = Permission::ALL.iter().filter(|one| !Role::Admin.permissions().has(**one)).collect();
        assert_eq!(missing, [&Permission::TerminalRun]);
    }

    #[test]
    fn each_role_covers_the_one_before() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[1].permissions().covers(pair[0].permissions()));
        }
        assert!(!Role::Reader.permissions().has(MemoryWrite));
        assert!(!Role::Operator.permissions().has(MemoryManage));
    }
}
