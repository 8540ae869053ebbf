%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%%%-----------------------------------------------------------------------------
%%% @doc The maintenance commands of Kazoo's numbers, as operators call them with
%%% `sup' and from the Erlang shell.
%%%
%%% An account is given by its id or by one of its databases, a number database
%%% as `numbers%2F%2B1415', `numbers/+1415' or `+1415', a number as anything that
%%% can be made E.164; all of them as binaries or strings.
%%%
%%% The work is not done here: this module is plain Erlang, so that it can be
%%% loaded anew in a running node.
%%% @end
%%%-----------------------------------------------------------------------------
-module(kazoo_numbers_maintenance).

-export([copy_accounts_to_number_dbs/0
        ,copy_accounts_to_number_dbs/1
        ,copy_single_account_to_number_dbs/1
        ,copy_number_from_accountdb_to_numbdb/2
        ,copy_numbers_from_accountdb_to_numbdbs/2
        ]).
-export([copy_number_dbs_to_accounts/0
        ,copy_number_dbs_to_accounts/1
        ,copy_single_number_db_to_accounts/1
        ,copy_assigned_number_dbs_to_account/1
        ,copy_single_assigned_number_db_to_account/2
        ,copy_number_from_db_to_assigned_account/1
        ,copy_numbers_from_dbs_to_assigned_accounts/1
        ,copy_single_number_to_account_db/2
        ]).
-export([fix_account_db_numbers/1
        ,fix_number/2
        ,fix_numbers/2
        ]).
-export([fix_apps_for_account_dbs/0
        ,fix_apps_for_account_dbs/1
        ,fix_apps_for_single_account_db/1
        ,fix_apps_for_number_dbs/0
        ,fix_apps_for_number_dbs/1
        ,fix_apps_for_single_number_db/1
        ,fix_apps_in_number_dbs_for_accounts/1
        ,fix_apps_in_number_dbs_for_single_account/1
        ,fix_numbers_apps_in_accountdb/2
        ,fix_numbers_apps_in_numbdb/1
        ,app_using/2
        ]).
-export([remove_wrong_assigned_from_accounts/0
        ,remove_wrong_assigned_from_single_accountdb/1
        ,destructively_remove_from_account_db_if_not_in_numdb/0
        ,destructively_remove_from_single_account_db_if_not_in_numdb/1
        ,destructively_remove_from_number_dbs_if_not_in_accountdb/0
        ,destructively_remove_from_single_numdb_if_not_in_accountdb/1
        ,purge_deleted/0
        ,purge_deleted/1
        ,purge_discovery/0
        ,purge_discovery/1
        ,migrate_unassigned_numbers/0
        ,migrate_unassigned_numbers/1
        ]).
-export([carrier_module_usage/0
        ,carrier_module_usage/1
        ,convert_carrier_module/2
        ,convert_carrier_module/3
        ,convert_carrier_module_number/2
        ]).
-export([all_features/0
        ,feature_permissions_on_number/1
        ,add_allowed_feature_on_number/2
        ,remove_allowed_feature_on_number/2
        ,add_denied_feature_on_number/2
        ,remove_denied_feature_on_number/2
        ,feature_permissions_on_reseller_of/1
        ,add_allowed_feature_on_reseller_of/2
        ,remove_allowed_feature_on_reseller_of/2
        ,add_denied_feature_on_reseller_of/2
        ,remove_denied_feature_on_reseller_of/2
        ,feature_permissions_on_system_config/0
        ,reset_allowed_features_to_defaults_on_system_config/0
        ,add_allowed_feature_on_system_config/1
        ,remove_allowed_feature_on_system_config/1
        ,ensure_adminonly_features_are_reachable/0
        ]).
-export([init_dbs/0
        ,register_views/0
        ,refresh_numbers_dbs/0
        ,refresh_numbers_db/1
        ,update_number_services_view/1
        ,generate_js_classifiers/1
        ,migrate/0
        ,migrate_port_requests/0
        ]).
-export([generate_numbers/4
        ,delete/1
        ]).

%% What Kazoo's own module does not have.
-export([dry_run/1
        ,dry_run/2
        ,dry_run/3
        ,dry_run/4
        ,audit/0
        ,audit/1
        ,status/0
        ,cancel/1
        ,runs/0
        ,undo/1, undo/2
        ,unlock/0
        ,help/0
        ,help/1
        ]).

-export_type([text/0, account/0, num/0, number_db/0]).

-type text() :: binary() | string() | atom().
-type account() :: text().
-type num() :: text() | pos_integer().
-type number_db() :: text().

%%==============================================================================
%% Copying numbers from account databases to number databases
%%==============================================================================

%% @doc Copies the numbers of all accounts to their number databases, where
%% they are missing.
%% @end
-spec copy_accounts_to_number_dbs() -> 'ok' | {'no_return', pos_integer()}.
copy_accounts_to_number_dbs() ->
    call('copy_accounts_to_number_dbs', []).

%% @doc Copies the numbers of these accounts to their number databases, where
%% they are missing.
%% @end
-spec copy_accounts_to_number_dbs(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
copy_accounts_to_number_dbs(Accounts) ->
    call('copy_accounts_to_number_dbs', [Accounts]).

%% @doc Copies the numbers of one account to their number databases, where they
%% are missing.
%% @end
-spec copy_single_account_to_number_dbs(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
copy_single_account_to_number_dbs(Account) ->
    call('copy_single_account_to_number_dbs', [Account]).

%% @doc Copies one number of an account to its number database, if it is
%% missing there.
%% @end
-spec copy_number_from_accountdb_to_numbdb(Account :: account(), Number :: num()) ->
          'ok' | {'no_return', pos_integer()}.
copy_number_from_accountdb_to_numbdb(Account, Number) ->
    call('copy_number_from_accountdb_to_numbdb', [Account, Number]).

%% @doc Copies these numbers of an account to their number databases, where
%% they are missing.
%% @end
-spec copy_numbers_from_accountdb_to_numbdbs(Account :: account(), Numbers :: [num()]) ->
          'ok' | {'no_return', pos_integer()}.
copy_numbers_from_accountdb_to_numbdbs(Account, Numbers) ->
    call('copy_numbers_from_accountdb_to_numbdbs', [Account, Numbers]).

%%==============================================================================
%% Copying numbers from number databases to the accounts they are assigned to
%%==============================================================================

%% @doc Makes the assigned accounts' copies equal to the numbers of all number
%% databases.
%% @end
-spec copy_number_dbs_to_accounts() -> 'ok' | {'no_return', pos_integer()}.
copy_number_dbs_to_accounts() ->
    call('copy_number_dbs_to_accounts', []).

%% @doc Makes the assigned accounts' copies equal to the numbers of these
%% number databases.
%% @end
-spec copy_number_dbs_to_accounts(NumberDbs :: [number_db()]) -> 'ok' | {'no_return', pos_integer()}.
copy_number_dbs_to_accounts(NumberDbs) ->
    call('copy_number_dbs_to_accounts', [NumberDbs]).

%% @doc Makes the assigned accounts' copies equal to the numbers of one number
%% database.
%% @end
-spec copy_single_number_db_to_accounts(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
copy_single_number_db_to_accounts(NumberDb) ->
    call('copy_single_number_db_to_accounts', [NumberDb]).

%% @doc Makes an account's copies equal to the numbers assigned to it in all
%% number databases.
%% @end
-spec copy_assigned_number_dbs_to_account(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
copy_assigned_number_dbs_to_account(Account) ->
    call('copy_assigned_number_dbs_to_account', [Account]).

%% @doc Makes an account's copies equal to the numbers assigned to it in one
%% number database.
%% @end
-spec copy_single_assigned_number_db_to_account(Account :: account(), NumberDb :: number_db()) ->
          'ok' | {'no_return', pos_integer()}.
copy_single_assigned_number_db_to_account(Account, NumberDb) ->
    call('copy_single_assigned_number_db_to_account', [Account, NumberDb]).

%% @doc Makes the assigned account's copy of one number equal to the one in its
%% number database.
%% @end
-spec copy_number_from_db_to_assigned_account(Number :: num()) -> 'ok' | {'no_return', pos_integer()}.
copy_number_from_db_to_assigned_account(Number) ->
    call('copy_number_from_db_to_assigned_account', [Number]).

%% @doc Makes the assigned accounts' copies of these numbers equal to those in
%% their number databases.
%% @end
-spec copy_numbers_from_dbs_to_assigned_accounts(Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
copy_numbers_from_dbs_to_assigned_accounts(Numbers) ->
    call('copy_numbers_from_dbs_to_assigned_accounts', [Numbers]).

%% @doc DANGER: copies one number from its number database to an account,
%% whatever its assignment.
%% @end
-spec copy_single_number_to_account_db(Number :: num(), Account :: account()) -> {'ok' | 'error', binary()}.
copy_single_number_to_account_db(Number, Account) ->
    call('copy_single_number_to_account_db', [Number, Account]).

%%==============================================================================
%% Fixing an account's numbers: app usage, copies, wrong assignments, services
%%==============================================================================

%% @doc Fixes all numbers of an account.
-spec fix_account_db_numbers(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_account_db_numbers(Account) ->
    call('fix_account_db_numbers', [Account]).

%% @doc Fixes one number of an account.
-spec fix_number(Account :: account(), Number :: num()) -> 'ok' | {'no_return', pos_integer()}.
fix_number(Account, Number) ->
    call('fix_number', [Account, Number]).

%% @doc Fixes these numbers of an account.
-spec fix_numbers(Account :: account(), Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
fix_numbers(Account, Numbers) ->
    call('fix_numbers', [Account, Numbers]).

%%==============================================================================
%% Fixing what numbers say of the application that uses them
%%==============================================================================

%% @doc Fixes `pvt_used_by' of the numbers in all account databases.
-spec fix_apps_for_account_dbs() -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_account_dbs() ->
    call('fix_apps_for_account_dbs', []).

%% @doc Fixes `pvt_used_by' of the numbers in the databases of these accounts.
-spec fix_apps_for_account_dbs(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_account_dbs(Accounts) ->
    call('fix_apps_for_account_dbs', [Accounts]).

%% @doc Fixes `pvt_used_by' of the numbers in one account's database.
-spec fix_apps_for_single_account_db(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_single_account_db(Account) ->
    call('fix_apps_for_single_account_db', [Account]).

%% @doc Fixes `pvt_used_by' of the assigned numbers in all number databases.
-spec fix_apps_for_number_dbs() -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_number_dbs() ->
    call('fix_apps_for_number_dbs', []).

%% @doc Fixes `pvt_used_by' of the assigned numbers in these number databases.
-spec fix_apps_for_number_dbs(NumberDbs :: [number_db()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_number_dbs(NumberDbs) ->
    call('fix_apps_for_number_dbs', [NumberDbs]).

%% @doc Fixes `pvt_used_by' of the assigned numbers in one number database.
-spec fix_apps_for_single_number_db(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_for_single_number_db(NumberDb) ->
    call('fix_apps_for_single_number_db', [NumberDb]).

%% @doc Fixes `pvt_used_by' of the numbers assigned to these accounts, in all
%% number databases.
%% @end
-spec fix_apps_in_number_dbs_for_accounts(Accounts :: [account()]) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_in_number_dbs_for_accounts(Accounts) ->
    call('fix_apps_in_number_dbs_for_accounts', [Accounts]).

%% @doc Fixes `pvt_used_by' of the numbers assigned to one account, in all
%% number databases.
%% @end
-spec fix_apps_in_number_dbs_for_single_account(Account :: account()) -> 'ok' | {'no_return', pos_integer()}.
fix_apps_in_number_dbs_for_single_account(Account) ->
    call('fix_apps_in_number_dbs_for_single_account', [Account]).

%% @doc Fixes `pvt_used_by' of these numbers in an account's database.
-spec fix_numbers_apps_in_accountdb(Account :: account(), Numbers :: [num()]) ->
          'ok' | {'no_return', pos_integer()}.
fix_numbers_apps_in_accountdb(Account, Numbers) ->
    call('fix_numbers_apps_in_accountdb', [Account, Numbers]).

%% @doc Fixes `pvt_used_by' of these numbers in their number databases.
-spec fix_numbers_apps_in_numbdb(Numbers :: [num()]) -> 'ok' | {'no_return', pos_integer()}.
fix_numbers_apps_in_numbdb(Numbers) ->
    call('fix_numbers_apps_in_numbdb', [Numbers]).

%% @doc What an account's documents say a number is used by: `callflow',
%% `trunkstore' or nothing.
%% @end
-spec app_using(Number :: num(), Account :: account()) ->
          binary() | 'undefined' | {'no_return', pos_integer()}.
app_using(Number, Account) ->
    call('app_using', [Number, Account]).

%%==============================================================================
%% Removing numbers from where they do not belong
%%==============================================================================

%% @doc Deletes from all account databases the numbers that are assigned to
%% another account.
%% @end
-spec remove_wrong_assigned_from_accounts() -> 'ok' | {'no_return', pos_integer()}.
remove_wrong_assigned_from_accounts() ->
    call('remove_wrong_assigned_from_accounts', []).

%% @doc Deletes from one account's database the numbers that are assigned to
%% another account.
%% @end
-spec remove_wrong_assigned_from_single_accountdb(Account :: account()) ->
          'ok' | {'no_return', pos_integer()}.
remove_wrong_assigned_from_single_accountdb(Account) ->
    call('remove_wrong_assigned_from_single_accountdb', [Account]).

%% @doc Deletes from all account databases the numbers that their number
%% database does not have.
%% @end
-spec destructively_remove_from_account_db_if_not_in_numdb() -> 'ok' | {'no_return', pos_integer()}.
destructively_remove_from_account_db_if_not_in_numdb() ->
    call('destructively_remove_from_account_db_if_not_in_numdb', []).

%% @doc Deletes from one account's database the numbers that their number
%% database does not have.
%% @end
-spec destructively_remove_from_single_account_db_if_not_in_numdb(Account :: account()) ->
          'ok' | {'no_return', pos_integer()}.
destructively_remove_from_single_account_db_if_not_in_numdb(Account) ->
    call('destructively_remove_from_single_account_db_if_not_in_numdb', [Account]).

%% @doc Deletes from all number databases the assigned numbers that their
%% account does not have.
%% @end
-spec destructively_remove_from_number_dbs_if_not_in_accountdb() -> 'ok' | {'no_return', pos_integer()}.
destructively_remove_from_number_dbs_if_not_in_accountdb() ->
    call('destructively_remove_from_number_dbs_if_not_in_accountdb', []).

%% @doc Deletes from one number database the assigned numbers that their
%% account does not have.
%% @end
-spec destructively_remove_from_single_numdb_if_not_in_accountdb(NumberDb :: number_db()) ->
          'ok' | {'no_return', pos_integer()}.
destructively_remove_from_single_numdb_if_not_in_accountdb(NumberDb) ->
    call('destructively_remove_from_single_numdb_if_not_in_accountdb', [NumberDb]).

%% @doc Deletes the numbers of state `deleted' from all number databases.
-spec purge_deleted() -> 'no_return' | {'no_return', pos_integer()}.
purge_deleted() ->
    call('purge_deleted', []).

%% @doc Deletes the numbers of state `deleted' from the number databases of a
%% prefix.
%% @end
-spec purge_deleted(Prefix :: text()) -> 'no_return' | {'no_return', pos_integer()}.
purge_deleted(Prefix) ->
    call('purge_deleted', [Prefix]).

%% @doc Deletes the numbers of state `discovery' from all number databases.
-spec purge_discovery() -> 'no_return' | {'no_return', pos_integer()}.
purge_discovery() ->
    call('purge_discovery', []).

%% @doc Deletes the numbers of state `discovery' from the number databases of a
%% prefix.
%% @end
-spec purge_discovery(Prefix :: text()) -> 'no_return' | {'no_return', pos_integer()}.
purge_discovery(Prefix) ->
    call('purge_discovery', [Prefix]).

%% @doc Removes `pvt_used_by' and `pvt_features_denied' from the unassigned
%% numbers of all number databases.
%% @end
-spec migrate_unassigned_numbers() -> 'ok' | {'no_return', pos_integer()}.
migrate_unassigned_numbers() ->
    call('migrate_unassigned_numbers', []).

%% @doc Removes `pvt_used_by' and `pvt_features_denied' from the unassigned
%% numbers of one number database, or from one number.
%% @end
-spec migrate_unassigned_numbers(NumberDbOrNumber :: number_db() | num()) ->
          'ok' | {'no_return', pos_integer()}.
migrate_unassigned_numbers(NumberDbOrNumber) ->
    call('migrate_unassigned_numbers', [NumberDbOrNumber]).

%%==============================================================================
%% Carrier modules
%%==============================================================================

%% @doc Prints how many documents of each carrier module all number databases
%% hold.
%% @end
-spec carrier_module_usage() -> 'ok' | {'no_return', pos_integer()}.
carrier_module_usage() ->
    call('carrier_module_usage', []).

%% @doc Prints how many documents of each carrier module the number databases
%% of a prefix hold.
%% @end
-spec carrier_module_usage(Prefix :: text()) -> 'ok' | {'no_return', pos_integer()}.
carrier_module_usage(Prefix) ->
    call('carrier_module_usage', [Prefix]).

%% @doc Gives the numbers of one carrier module another one, in all number
%% databases and accounts.
%% @end
-spec convert_carrier_module(Source :: text(), Target :: text()) -> 'ok' | {'no_return', pos_integer()}.
convert_carrier_module(Source, Target) ->
    call('convert_carrier_module', [Source, Target]).

%% @doc Gives the numbers of one carrier module another one, in the number
%% databases of a prefix.
%% @end
-spec convert_carrier_module(Source :: text(), Target :: text(), Prefix :: text()) ->
          'ok' | {'no_return', pos_integer()}.
convert_carrier_module(Source, Target, Prefix) ->
    call('convert_carrier_module', [Source, Target, Prefix]).

%% @doc Gives one number another carrier module.
-spec convert_carrier_module_number(Number :: num(), Target :: text()) -> 'ok' | {'no_return', pos_integer()}.
convert_carrier_module_number(Number, Target) ->
    call('convert_carrier_module_number', [Number, Target]).

%%==============================================================================
%% Features
%%==============================================================================

%% @doc Prints the features that there are.
-spec all_features() -> 'no_return' | {'no_return', pos_integer()}.
all_features() ->
    call('all_features', []).

%% @doc Prints the features that are allowed and denied on a number.
-spec feature_permissions_on_number(Number :: num()) -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_number(Number) ->
    call('feature_permissions_on_number', [Number]).

%% @doc Allows a feature on a number.
-spec add_allowed_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_number(Feature, Number) ->
    call('add_allowed_feature_on_number', [Feature, Number]).

%% @doc Takes a feature from the allowed ones of a number.
-spec remove_allowed_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_number(Feature, Number) ->
    call('remove_allowed_feature_on_number', [Feature, Number]).

%% @doc Denies a feature on a number.
-spec add_denied_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
add_denied_feature_on_number(Feature, Number) ->
    call('add_denied_feature_on_number', [Feature, Number]).

%% @doc Takes a feature from the denied ones of a number.
-spec remove_denied_feature_on_number(Feature :: text(), Number :: num()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_denied_feature_on_number(Feature, Number) ->
    call('remove_denied_feature_on_number', [Feature, Number]).

%% @doc Prints the features that are allowed and denied on the reseller of an
%% account. Needs Kazoo.
%% @end
-spec feature_permissions_on_reseller_of(Account :: account()) -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_reseller_of(Account) ->
    call('feature_permissions_on_reseller_of', [Account]).

%% @doc Allows a feature on the reseller of an account. Needs Kazoo.
-spec add_allowed_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_reseller_of(Feature, Account) ->
    call('add_allowed_feature_on_reseller_of', [Feature, Account]).

%% @doc Takes a feature from the allowed ones of an account's reseller. Needs
%% Kazoo.
%% @end
-spec remove_allowed_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_reseller_of(Feature, Account) ->
    call('remove_allowed_feature_on_reseller_of', [Feature, Account]).

%% @doc Denies a feature on the reseller of an account. Needs Kazoo.
-spec add_denied_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
add_denied_feature_on_reseller_of(Feature, Account) ->
    call('add_denied_feature_on_reseller_of', [Feature, Account]).

%% @doc Takes a feature from the denied ones of an account's reseller. Needs
%% Kazoo.
%% @end
-spec remove_denied_feature_on_reseller_of(Feature :: text(), Account :: account()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_denied_feature_on_reseller_of(Feature, Account) ->
    call('remove_denied_feature_on_reseller_of', [Feature, Account]).

%% @doc Prints the features that the system's configuration allows.
-spec feature_permissions_on_system_config() -> 'no_return' | {'no_return', pos_integer()}.
feature_permissions_on_system_config() ->
    call('feature_permissions_on_system_config', []).

%% @doc Has the system's configuration allow the features that it allows by
%% default.
%% @end
-spec reset_allowed_features_to_defaults_on_system_config() -> 'no_return' | {'no_return', pos_integer()}.
reset_allowed_features_to_defaults_on_system_config() ->
    call('reset_allowed_features_to_defaults_on_system_config', []).

%% @doc Allows a feature in the system's configuration.
-spec add_allowed_feature_on_system_config(Feature :: text()) -> 'no_return' | {'no_return', pos_integer()}.
add_allowed_feature_on_system_config(Feature) ->
    call('add_allowed_feature_on_system_config', [Feature]).

%% @doc Takes a feature from those that the system's configuration allows.
-spec remove_allowed_feature_on_system_config(Feature :: text()) ->
          'no_return' | {'no_return', pos_integer()}.
remove_allowed_feature_on_system_config(Feature) ->
    call('remove_allowed_feature_on_system_config', [Feature]).

%% @doc Has the system's configuration allow the features that are the
%% administrator's.
%% @end
-spec ensure_adminonly_features_are_reachable() -> 'no_return' | {'no_return', pos_integer()}.
ensure_adminonly_features_are_reachable() ->
    call('ensure_adminonly_features_are_reachable', []).

%%==============================================================================
%% Databases and their views, which need Kazoo
%%==============================================================================

%% @doc Creates the databases of managed numbers, of iNum and of port requests,
%% and brings their views up to date.
%% @end
-spec init_dbs() -> 'ok' | {'no_return', pos_integer()}.
init_dbs() ->
    call('init_dbs', []).

%% @doc Registers the views of the numbers application.
-spec register_views() -> 'ok' | {'no_return', pos_integer()}.
register_views() ->
    call('register_views', []).

%% @doc Brings the views of all number databases up to date.
-spec refresh_numbers_dbs() -> 'ok' | {'no_return', pos_integer()}.
refresh_numbers_dbs() ->
    call('refresh_numbers_dbs', []).

%% @doc Brings the views of one number database up to date.
-spec refresh_numbers_db(NumberDb :: number_db()) -> 'ok' | {'no_return', pos_integer()}.
refresh_numbers_db(NumberDb) ->
    call('refresh_numbers_db', [NumberDb]).

%% @doc Installs the view by which an account's numbers are counted for its
%% services.
%% @end
-spec update_number_services_view(Account :: account()) -> 'no_return' | {'no_return', pos_integer()}.
update_number_services_view(Account) ->
    call('update_number_services_view', [Account]).

%% @doc The JavaScript that does for the class of a number what `Match' makes
%% of it.
%% @end
-spec generate_js_classifiers(Match :: fun((Class :: binary()) -> iodata())) ->
          iolist() | {'no_return', pos_integer()}.
generate_js_classifiers(Match) ->
    call('generate_js_classifiers', [Match]).

%% @doc Brings the numbers of an older Kazoo up to date.
-spec migrate() -> 'ok' | {'no_return', pos_integer()}.
migrate() ->
    call('migrate', []).

%% @doc Brings the port requests of an older Kazoo up to date.
-spec migrate_port_requests() -> 'ok' | {'no_return', pos_integer()}.
migrate_port_requests() ->
    call('migrate_port_requests', []).

%%==============================================================================
%% Making and deleting numbers, which needs Kazoo
%%==============================================================================

%% @doc Generates numbers of a kind, `managed' for one, that are not assigned.
-spec generate_numbers(Type :: text(), Account :: account(), StartingNumber :: text() | pos_integer(), Quantity :: text() | non_neg_integer()) ->
          any().
generate_numbers(Type, Account, StartingNumber, Quantity) ->
    call('generate_numbers', [Type, Account, StartingNumber, Quantity]).

%% @doc Deletes a number.
-spec delete(Number :: num()) -> 'no_return' | {'no_return', pos_integer()}.
delete(Number) ->
    call('delete', [Number]).

%%==============================================================================
%% Looking before, going back after
%%==============================================================================

%% @doc Says what a command would do, and writes nothing.
-spec dry_run(Function :: text()) -> any().
dry_run(Function) ->
    rehearse(Function, []).

%% @doc Says what a command with one argument would do, and writes nothing.
-spec dry_run(Function :: text(), A1 :: any()) -> any().
dry_run(Function, A1) ->
    rehearse(Function, [A1]).

%% @doc Says what a command with two arguments would do, and writes nothing.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any()) -> any().
dry_run(Function, A1, A2) ->
    rehearse(Function, [A1, A2]).

%% @doc Says what a command with three arguments would do, and writes nothing.
-spec dry_run(Function :: text(), A1 :: any(), A2 :: any(), A3 :: any()) -> any().
dry_run(Function, A1, A2, A3) ->
    rehearse(Function, [A1, A2, A3]).

%% @doc Tells how far all numbers are in step, and which command mends what is not.
-spec audit() -> 'ok' | {'no_return', pos_integer()}.
audit() ->
    call('audit', []).

%% @doc The same for an account, a number database or a number.
-spec audit(What :: account() | number_db() | num()) -> 'ok' | {'no_return', pos_integer()}.
audit(What) ->
    call('audit', [What]).

%% @doc Tells which runs are in progress in this node, and how far they are.
-spec status() -> 'ok' | {'no_return', pos_integer()}.
status() ->
    with_library('kazoo_numbers_runs', 'status', []).

%% @doc Stops a run that is in progress: the request in flight is finished, and
%% nothing more is written.
%% @end
-spec cancel(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
cancel(Run) ->
    with_library('kazoo_numbers_runs', 'cancel', [Run]).

%% @doc Lists the runs that can be undone.
-spec runs() -> 'ok' | {'no_return', pos_integer()}.
runs() ->
    call('runs', []).

%% @doc Puts the documents of a run back as they were, where nobody has changed
%% them since.
%% @end
-spec undo(Run :: text()) -> 'ok' | {'no_return', pos_integer()}.
undo(Run) ->
    call('undo', [Run]).

%% @doc Puts the documents of a run back although it was on another cluster. The second argument is the word `any_cluster'.
-spec undo(Run :: text(), AnyCluster :: text() | 'any_cluster') -> 'ok' | {'no_return', pos_integer()}.
undo(Run, AnyCluster) ->
    call('undo', [Run, AnyCluster]).

%% @doc Removes the cluster lock of a run that died. A run that still holds it
%% stops within 30 seconds.
%% @end
-spec unlock() -> 'ok' | {'no_return', pos_integer()}.
unlock() ->
    call('unlock', []).

%% @doc Lists the functions, with what each does.
-spec help() -> 'no_return' | {'no_return', pos_integer()}.
help() ->
    call('help', []).

%% @doc Tells all about a function: what it does, its arguments, whether it
%% deletes, and an example.
%% @end
-spec help(Function :: text()) -> 'no_return' | {'no_return', pos_integer()}.
help(Function) ->
    call('help', [Function]).

%%==============================================================================
%% The way to the commands
%%==============================================================================

call(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'run', [Function, Arguments]).

rehearse(Function, Arguments) ->
    with_library('kazoo_numbers_job', 'dry_run', [Function, Arguments]).

with_library(Module, Way, Arguments) ->
    case library() of
        'ok' -> apply(Module, Way, Arguments);
        {'error', Line} ->
            _ = try io:put_chars([Line, $\n]) catch _:_ -> 'ok' end,
            {'no_return', 1}
    end.

%% Where this module was put into another application's folder, or the node runs
%% in embedded mode, nobody else has loaded what it stands on.
library() ->
    _ = application:load('kazoo_numbers_maintenance'),
    case erlang:module_loaded('kazoo_numbers_job')
        orelse is_loaded(code:ensure_loaded('kazoo_numbers_job'))
    of
        'true' -> 'ok';
        'false' -> load(library_dirs())
    end.

load([]) ->
    {'error', "the application kazoo_numbers_maintenance is not beside this module: 'kazoo-embed install' puts it there"};
load([Dir | Dirs]) ->
    Ebin = filename:join(Dir, "ebin"),
    _ = code:add_pathz(Ebin),
    _ = application:load('kazoo_numbers_maintenance'),
    Beams = filelib:wildcard(filename:join(Ebin, "kazoo_numbers_*.beam")),
    Modules = [list_to_atom(filename:basename(Beam, ".beam")) || Beam <- Beams] -- [?MODULE],
    _ = [code:load_file(Module) || Module <- Modules, not erlang:module_loaded(Module)],
    case erlang:module_loaded('kazoo_numbers_job') of
        'true' -> 'ok';
        'false' -> load(Dirs)
    end.

is_loaded({'module', _Module}) -> 'true';
is_loaded({'error', _Reason}) -> 'false'.

library_dirs() ->
    known(code:lib_dir('kazoo_numbers_maintenance')) ++ beside(code:which(?MODULE)).

known({'error', 'bad_name'}) -> [];
known(Dir) -> [Dir].

%% Applications of a release lie beside each other, their names with a version.
beside(Beam) when is_list(Beam) ->
    Lib = filename:dirname(filename:dirname(filename:dirname(filename:absname(Beam)))),
    lists:reverse(lists:sort(filelib:wildcard(filename:join(Lib, "kazoo_numbers_maintenance*"))));
beside(_NoFile) -> [].
